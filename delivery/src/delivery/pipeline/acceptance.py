"""What becomes of a gate that ended NOT CHECKED.

On GitHub it fails, whatever is asked for. In a run on a machine of one's own it may be
accepted by name; that is said aloud and written into the approval request and the
release record.
"""

from __future__ import annotations

from collections.abc import Mapping

from delivery.verdict import Outcome

GATES = ("dependencies", "image")


def is_local(environment: Mapping[str, str]) -> bool:
    """Whether the workflow runs under act, not on GitHub."""
    return bool(environment.get("ACT"))


def is_accepted(gate: str, environment: Mapping[str, str]) -> bool:
    """Whether ``gate`` may end NOT CHECKED in this run."""
    named = environment.get("ACCEPT_UNCHECKED", "").split(",")
    return is_local(environment) and gate in (name.strip() for name in named)


def settle(gate: str, code: int, environment: Mapping[str, str]) -> tuple[int, str]:
    """The step's exit status, and the line that explains it.

    :param code: how the gate ended: 0 clean, 3 NOT CHECKED, anything else failed.
    """
    if code != Outcome.NOT_CHECKED.value:
        return code, ""
    if is_accepted(gate, environment):
        return 0, f"::warning::{gate} NOT CHECKED, accepted for this run"
    hint = (
        f"name it in --accept-unchecked={gate} to go on without"
        if is_local(environment)
        else "on GitHub nothing goes on unchecked"
    )
    return code, f"::error::{gate} NOT CHECKED: {hint}"
