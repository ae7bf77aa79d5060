"""Tells a failure of the way to the other side from a failure of what was asked.

The way may be open again in a moment. A refused permission, a broken manifest or a test
that fails ends the same way again, and trying again would only hide it for a while.
"""

from __future__ import annotations

import re

# What docker, kubectl, the AWS CLI and the registries say when not the request but the
# way failed. An API server that cannot reach an admission webhook counts: the webhook's
# pod may be moving to another node, and nothing of the request was kept.
_TRANSPORT = re.compile(
    r"""
      connection\ (?:refused|reset|timed\ out) | broken\ pipe | i/o\ timeout
    | The\ connection\ to\ the\ server\ \S+\ was\ refused
    | TLS\ handshake\ timeout | no\ such\ host | server\ misbehaving
    | Temporary\ failure\ in\ name\ resolution | Could\ not\ resolve\ host
    | unexpected\ EOF | :\ EOF\s*$ | use\ of\ closed\ network\ connection
    | context\ deadline\ exceeded | Client\.Timeout\ exceeded
    | net/http:\ request\ canceled | http2:\ client\ connection\ lost
    | Could\ not\ connect\ to\ the\ endpoint\ URL
    | (?:Connect|Read)\ timeout\ on\ endpoint
    | Connection\ was\ closed\ before\ we\ received | RequestTimeout
    | Rate\ exceeded | TooManyRequests
    | no\ route\ to\ host | network\ is\ unreachable
    | \b(?:429|500|502|503|504)\b[:\ ]+(?:Too\ Many|Internal\ Server|Bad\ Gateway
        |Service\ (?:Temporarily\ )?Unavailable|Gateway\ Time-?out)
    | etcdserver:\ (?:leader\ changed|request\ timed\ out)
    | the\ server\ is\ currently\ unable\ to\ handle\ the\ request
    """,
    re.VERBOSE | re.IGNORECASE,
)
# An answer with a reason, from a server that was reached: kubectl's
# "Error from server (NotFound)", the AWS CLI's "An error occurred (AccessDenied)".
_ANSWER = re.compile(r"(?:Error from server|An error occurred) \((\w+)\)")
# The reasons of a server that has trouble of its own, and says so in these words.
_TROUBLE = re.compile(
    r"""
      (?:Server)?Timeout | ServiceUnavailable(?:Exception)?
    | Throttling(?:Exception)? | TooManyRequests(?:Exception)? | RequestLimitExceeded
    | RequestTimeout(?:Exception)? | InternalFailure | ServerException | 50[0234]
    """,
    re.VERBOSE,
)
# An API server calls many things an internal error: what else it says tells.
_UNCLEAR = "InternalError"
# What registries answer, and clients without a login say. It is final, even where the
# way to something else failed as well.
_REFUSAL = re.compile(
    r"""
      ^(?:denied|unauthorized): | \b(?:401\ Unauthorized|403\ Forbidden)\b
    | requested\ access\ to\ the\ resource\ is\ denied
    | insufficient_scope | no\ basic\ auth\ credentials
    | ExpiredToken | authorization\ token\ has\ expired
    | Unable\ to\ locate\ credentials
    """,
    re.VERBOSE,
)
# kubectl's log of what it did about a problem (I: info, W: warning), and the server's
# remarks about a request that it took.
_NOTICE = re.compile(r"^(?:[IW]\d{4} \d\d:\d\d:\d\d|Warning: )")


def is_transport(text: str) -> bool:
    """Whether what a failed command said names a failure of the way to the other side.

    Notices are not judged, and an answer among the errors outweighs the rest.

    :param text: what the command wrote as errors.
    """
    errors = [line for line in text.splitlines() if not _NOTICE.match(line)]
    if any(map(_is_final, errors)):
        return False
    return any(_TRANSPORT.search(line) or _in_trouble(line) for line in errors)


def _is_final(line: str) -> bool:
    """Whether the other side was reached, and has refused or could not do it."""
    reason = _reason(line)
    answered = bool(reason) and reason != _UNCLEAR and not _in_trouble(line)
    return answered or _REFUSAL.search(line) is not None


def _in_trouble(line: str) -> bool:
    return _TROUBLE.fullmatch(_reason(line)) is not None


def _reason(line: str) -> str:
    found = _ANSWER.search(line)
    return found[1] if found else ""
