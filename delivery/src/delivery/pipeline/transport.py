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
    | ThrottlingException | \(Throttling\) | Rate\ exceeded | TooManyRequests
    | \b(?:429|500|502|503|504)\b[:\ ]+(?:Too\ Many|Internal\ Server|Bad\ Gateway
        |Service\ (?:Temporarily\ )?Unavailable|Gateway\ Time-?out)
    | etcdserver:\ (?:leader\ changed|request\ timed\ out)
    | the\ server\ is\ currently\ unable\ to\ handle\ the\ request
    """,
    re.VERBOSE | re.IGNORECASE,
)
# An answer is final, even where the way to something else failed as well.
_REFUSAL = re.compile(
    r"""
      ^Error\ from\ server\ \((?:BadRequest|Forbidden|Invalid|Unauthorized)\)
    | ^(?:denied|unauthorized):
    | \(AccessDenied(?:Exception)?\)
    """,
    re.VERBOSE,
)
# kubectl's log of what it did about a problem (I: info, W: warning), and the server's
# remarks about a request that it took.
_NOTICE = re.compile(r"^(?:[IW]\d{4} \d\d:\d\d:\d\d|Warning: )")


def is_transport(text: str) -> bool:
    """Whether what a failed command said names a failure of the way to the other side.

    Notices are not judged, and a refusal among the errors outweighs the rest.
    """
    errors = [line for line in text.splitlines() if not _NOTICE.match(line)]
    if any(_REFUSAL.search(line) for line in errors):
        return False
    return any(_TRANSPORT.search(line) for line in errors)
