"""Findings that are known and accepted for a time, each with somebody who answers.

A TOML file of ``[[allow]]`` tables, each with ``id`` (any name of the advisory), what
it is accepted in (``package`` or ``image``), ``owner``, ``reason`` and ``expires`` (a
date; the entry holds on that day).
"""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError

# Longer is not an exception any more but a habit.
LONGEST = dt.timedelta(days=90)


@dataclass(frozen=True)
class Allowance:
    """One accepted finding.

    :param identifier: the advisory's id, such as CVE-2026-0001.
    :param subject: the package or image that it is accepted in.
    :param owner: who answers for it.
    :param reason: why it cannot be mended now.
    :param expires: the last day.
    """

    identifier: str
    subject: str
    owner: str
    reason: str
    expires: dt.date

    def __str__(self) -> str:
        return f"{self.subject} {self.identifier} (owner {self.owner})"


def read_allow_list(
    path: Path, subject: str, today: dt.date | None = None
) -> tuple[Allowance, ...]:
    """The entries of a list, all of them in force. A list that is not there is empty.

    :param subject: the key that says what is accepted: ``package`` or ``image``.
    :param today: by default today in UTC, so that an entry ends for everybody at once.
    :raises DeliveryError: naming the entry that is incomplete, over or too long.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DeliveryError(f"cannot read {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise DeliveryError(f"{path} is not TOML: {error}") from error
    if unknown := content.keys() - {"allow"}:
        raise DeliveryError(f"{path}: unknown table {', '.join(sorted(unknown))}")
    today = today or dt.datetime.now(dt.UTC).date()
    entries = enumerate(content.get("allow", []), start=1)
    return tuple(
        _in_force(path, _allowance(f"{path}, entry {number}", entry, subject), today)
        for number, entry in entries
    )


def _allowance(place: str, entry: dict[str, Any], subject: str) -> Allowance:
    texts = ("id", subject, "owner", "reason")
    wanted = {*texts, "expires"}
    if wrong := entry.keys() ^ wanted:
        raise DeliveryError(
            f"{place}: needs {', '.join(sorted(wanted))}; "
            f"missing or unknown: {', '.join(sorted(wrong))}"
        )
    for key in texts:
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise DeliveryError(f"{place}: {key} must be a text that is not empty")
    if type(entry["expires"]) is not dt.date:
        raise DeliveryError(f"{place}: expires must be a date such as 2027-03-31")
    return Allowance(*(entry[key] for key in (*texts, "expires")))


def _in_force(path: Path, entry: Allowance, today: dt.date) -> Allowance:
    if entry.expires < today:
        raise DeliveryError(
            f"{path}: {entry} was allowed until {entry.expires}: mend it, or let the "
            "owner extend it with a reason"
        )
    if entry.expires - today > LONGEST:
        raise DeliveryError(
            f"{path}: {entry} is allowed until {entry.expires}; "
            f"{LONGEST.days} days are the most"
        )
    return entry
