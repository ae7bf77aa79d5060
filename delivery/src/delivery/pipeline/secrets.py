"""Secrets that a step needs: masked, and only in the job's own environment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from delivery.pipeline.errors import StepError

_PAIR = re.compile(r"([a-z0-9_]+)=([A-Z][A-Z0-9_]*)")


def select(text: str, pairs: Sequence[str]) -> Mapping[str, str]:
    """Variables made of keys of a JSON entry.

    :param text: the entry, a JSON object of texts.
    :param pairs: ``key=VARIABLE``, which key becomes which variable.
    :raises StepError: the entry is no such object, or lacks a key; never quotes it
    """
    try:
        entry = json.loads(text)
    except json.JSONDecodeError:
        # Without the cause: its text would quote the secret.
        raise _broken("it is not JSON") from None
    if not isinstance(entry, dict):
        raise _broken("it is not an object with keys")
    result = {}
    for pair in pairs:
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise _broken(f"{pair!r} must have the form key=VARIABLE")
        value = entry.get(match[1])
        if not isinstance(value, str) or not value.strip():
            raise _broken(f"it has no text under {match[1]}")
        if "\n" in value.strip():
            raise _broken(f"{match[1]} has several lines, which cannot be masked")
        result[match[2]] = value.strip()
    return result


def _broken(why: str) -> StepError:
    return StepError("secret-entry", f"the secret cannot be used: {why}")
