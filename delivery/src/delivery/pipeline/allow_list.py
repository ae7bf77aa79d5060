"""Findings in an image that somebody answers for, until a day."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path

from delivery.pipeline.errors import DeliveryError

# Longer is not an exception any more but a habit.
LONGEST = dt.timedelta(days=90)
_FIELDS = {"id", "image", "owner", "reason", "expires"}


@dataclass(frozen=True)
class Allowance:
    """One finding that does not stop an image before ``expires``.

    :param finding: the advisory's id, such as CVE-2026-0001.
    :param image: the image it is allowed in.
    :param owner: who answers for it.
    :param reason: why it cannot be mended now.
    """

    finding: str
    image: str
    owner: str
    reason: str
    expires: dt.date


def read_allow_list(path: Path, image: str, today: dt.date) -> dict[str, Allowance]:
    """The allowances in force for ``image``, by finding. No file: none.

    :raises DeliveryError: an entry is incomplete, expired, or too far in the future
    """
    if not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise _broken(path, str(error)) from error
    result = {}
    for number, entry in enumerate(document.get("allow", []), start=1):
        allowance = _parse(path, number, entry)
        if allowance.expires < today:
            raise _broken(
                path,
                f"{allowance.finding} was allowed until {allowance.expires}: mend it, "
                f"or let {allowance.owner} extend it with a reason",
            )
        if allowance.expires - today > LONGEST:
            raise _broken(
                path,
                f"{allowance.finding} is allowed until {allowance.expires}; "
                f"{LONGEST.days} days are the most",
            )
        if allowance.image == image:
            result[allowance.finding] = allowance
    return result


def _parse(path: Path, number: int, entry: dict[str, object]) -> Allowance:
    if set(entry) != _FIELDS or not all(entry.values()):
        raise _broken(
            path, f"entry {number} must have exactly {', '.join(sorted(_FIELDS))}"
        )
    expires = entry["expires"]
    if not isinstance(expires, dt.date) or isinstance(expires, dt.datetime):
        raise _broken(
            path, f"entry {number}: expires must be a date such as 2026-12-31"
        )
    return Allowance(
        finding=str(entry["id"]),
        image=str(entry["image"]),
        owner=str(entry["owner"]),
        reason=str(entry["reason"]),
        expires=expires,
    )


def _broken(path: Path, why: str) -> DeliveryError:
    return DeliveryError("allow-list", f"{path}: {why}")
