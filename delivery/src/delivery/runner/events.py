"""The events that start a workflow, as GitHub would describe them.

Only what the workflows and :mod:`delivery.pipeline` read is in them. Source:
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAIN = "refs/heads/main"
_REPOSITORY = {
    "name": "tms",
    "full_name": "local/tms",
    "default_branch": "main",
    "owner": {"login": "local"},
}


def describe(
    event: str,
    ref: str,
    commit: str,
    inputs: Mapping[str, str],
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """The payload of one event.

    :param inputs: of a manual dispatch.
    :param extra: what else the payload holds, such as ``pull_request``.
    """
    payload: dict[str, Any] = {"ref": ref, "repository": _REPOSITORY}
    if event == "push":
        payload |= {"after": commit, "head_commit": {"id": commit}}
    elif event == "workflow_dispatch":
        payload["inputs"] = dict(inputs)
    return {**payload, **extra}
