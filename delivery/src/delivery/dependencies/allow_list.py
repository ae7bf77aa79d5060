"""Advisories that are known and accepted for a time.

A TOML file of ``[[allow]]`` tables, each with ``package``, ``id`` (any name of the
advisory), ``owner``, ``reason`` and ``expires`` (a date; the entry holds on that day).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from delivery.dependencies.report import Finding
from delivery.errors import DeliveryError

_TEXTS = ("package", "id", "owner", "reason")
_KEYS = {*_TEXTS, "expires"}


@dataclass(frozen=True)
class Allowance:
    """One accepted advisory."""

    package: str
    identifier: str
    owner: str
    reason: str
    expires: date

    def covers(self, finding: Finding) -> bool:
        """Whether this entry accepts that finding."""
        return (
            self.package == finding.package and self.identifier in finding.identifiers
        )

    def expired(self, today: date) -> bool:
        """Whether the last day of the entry is over."""
        return today > self.expires

    def __str__(self) -> str:
        return f"{self.package} {self.identifier} (owner {self.owner})"


def read_allow_list(path: Path) -> tuple[Allowance, ...]:
    """Entries of an allow-list.

    :raises DeliveryError: naming the entry and what is wrong with it.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeliveryError(f"cannot read {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise DeliveryError(f"{path} is not TOML: {error}") from error
    if unknown := content.keys() - {"allow"}:
        raise DeliveryError(f"{path}: unknown table {', '.join(sorted(unknown))}")
    entries = enumerate(content.get("allow", []), start=1)
    return tuple(
        _allowance(f"{path}, entry {number}", entry) for number, entry in entries
    )


def _allowance(place: str, entry: dict[str, Any]) -> Allowance:
    if wrong := entry.keys() ^ _KEYS:
        raise DeliveryError(
            f"{place}: needs {', '.join(sorted(_KEYS))}; "
            f"missing or unknown: {', '.join(sorted(wrong))}"
        )
    for key in _TEXTS:
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise DeliveryError(f"{place}: {key} must be a text that is not empty")
    if type(entry["expires"]) is not date:
        raise DeliveryError(f"{place}: expires must be a date such as 2027-03-31")
    return Allowance(
        str(canonicalize_name(entry["package"])),
        entry["id"],
        entry["owner"],
        entry["reason"],
        entry["expires"],
    )
