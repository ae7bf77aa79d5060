"""Decides what pip-audit's report means.

pip-audit alone cannot be the gate: it ends with status 0 when its service was out of
reach and every package was skipped, and it knows neither owners nor expiry dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from packaging.utils import canonicalize_name

from delivery.allow_list import Allowance
from delivery.dependencies.lock import Pin
from delivery.dependencies.report import AuditReport, Finding
from delivery.verdict import Outcome, Verdict

DEFAULT_MAX_AGE_DAYS = 7


def judge(
    report: AuditReport,
    pins: Mapping[str, Pin],
    allowances: Iterable[Allowance],
    *,
    today: date,
    newest_advisory: date | None = None,
    other_lock: bool = False,
    max_age_days: int = DEFAULT_MAX_AGE_DAYS,
) -> Verdict:
    """Verdict on a lock.

    :param newest_advisory: day of the newest record where the audit used a folder of
        records; None where it asked a live service.
    :param other_lock: the allowances were made for another version of this lock, and
        may be about packages that this one has not.
    :param max_age_days: days after which such records count as old.
    """
    allowances = tuple(allowances)
    unaudited = _unaudited(report, pins)
    age_days = (today - (newest_advisory or today)).days
    stale = age_days > max_age_days
    open_findings = [
        finding
        for finding in report.findings
        if not any(_covers(entry, finding) for entry in allowances)
    ]
    used = [
        entry
        for entry in allowances
        if any(_covers(entry, finding) for finding in report.findings)
    ]
    failures = list(map(str, open_findings))
    # An entry can be called useless only where all was looked up in current data.
    if not unaudited and not stale and not other_lock:
        failures += [
            f"{entry}: matches nothing, remove it"
            for entry in allowances
            if entry not in used
        ]
    if failures:
        return Verdict(Outcome.FAILED, _count(failures, "finding"), tuple(failures))
    if unaudited:
        return Verdict(Outcome.NOT_CHECKED, _missing(unaudited, pins), tuple(unaudited))
    accepted = f", {len(used)} allowed until they expire" if used else ""
    clean = f"{_count(pins, 'package')}{accepted}"
    if stale:
        return Verdict(
            Outcome.NOT_CHECKED,
            f"clean against advisories of {newest_advisory}, newer ones NOT CHECKED "
            f"({clean})",
        )
    return Verdict(Outcome.CLEAN, clean)


def _covers(entry: Allowance, finding: Finding) -> bool:
    """Whether the entry accepts that finding, by whichever of its names."""
    return (
        canonicalize_name(entry.subject) == finding.package
        and entry.identifier in finding.identifiers
    )


def _unaudited(report: AuditReport, pins: Mapping[str, Pin]) -> list[str]:
    """Pinned packages that were not looked up at their version, with the reason."""
    lines = []
    for name, pin in sorted(pins.items()):
        if not pin.applies or report.audited.get(name) == pin.version:
            continue
        if name in report.skipped:
            lines.append(f"{name} {pin.version}: skipped, {report.skipped[name]}")
        elif name in report.audited:
            lines.append(f"{name} {pin.version}: audited as {report.audited[name]}")
        else:
            lines.append(f"{name} {pin.version}: not in the report")
    return lines


def _missing(unaudited: list[str], pins: Mapping[str, Pin]) -> str:
    expected = sum(pin.applies for pin in pins.values())
    if len(unaudited) == expected:
        return "nothing was audited; is an advisory service within reach?"
    return f"{len(unaudited)} of {expected} packages were not audited"


def _count(items: Iterable[object], noun: str) -> str:
    number = len(list(items))
    return f"{number} {noun}{'' if number == 1 else 's'}"
