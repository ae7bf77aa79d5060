"""What the dependency gate answers."""

from __future__ import annotations

from datetime import date

import pytest

from delivery.allow_list import Allowance
from delivery.dependencies.gate import judge
from delivery.dependencies.lock import Pin
from delivery.dependencies.report import AuditReport, Finding
from delivery.verdict import Outcome, Verdict

TODAY = date(2026, 11, 23)
HOLE = Finding("insecure", "1.0", ("PYSEC-2024-1", "CVE-2024-0001"), ("2.0",))


def pins(*texts: str, applies: bool = True) -> dict[str, Pin]:
    pairs = (text.split("==") for text in texts)
    return {name: Pin(name, version, applies, ("sha256:0",)) for name, version in pairs}


def allowance(identifier: str = "CVE-2024-0001") -> Allowance:
    expires = date(2026, 12, 31)
    return Allowance(identifier, "Insecure", "dispatch team", "no fix yet", expires)


def verdict(
    *findings: Finding,
    audited: dict[str, str] | None = None,
    skipped: dict[str, str] | None = None,
    locked: dict[str, Pin] | None = None,
    allowances: tuple[Allowance, ...] = (),
    newest_advisory: date | None = None,
    other_lock: bool = False,
) -> Verdict:
    audited = {"insecure": "1.0"} if audited is None else audited
    return judge(
        AuditReport(audited, skipped or {}, findings),
        locked or pins("insecure==1.0"),
        allowances,
        today=TODAY,
        newest_advisory=newest_advisory,
        other_lock=other_lock,
    )


def test_every_pin_audited_and_nothing_found_is_clean() -> None:
    assert verdict() == Verdict(Outcome.CLEAN, "1 package")


def test_a_finding_fails_and_names_its_fix() -> None:
    answer = verdict(HOLE)

    assert answer.outcome is Outcome.FAILED
    assert answer.details == (
        "insecure 1.0: PYSEC-2024-1 = CVE-2024-0001 (fixed in 2.0)",
    )


def test_a_finding_without_a_fix_says_so() -> None:
    hole = Finding("insecure", "1.0", ("PYSEC-2024-1",), ())

    assert verdict(hole).details == ("insecure 1.0: PYSEC-2024-1 (no fix)",)


@pytest.mark.parametrize("identifier", ["PYSEC-2024-1", "CVE-2024-0001"])
def test_an_allowed_finding_is_clean_by_any_of_its_names(identifier: str) -> None:
    answer = verdict(HOLE, allowances=(allowance(identifier),))

    assert answer.outcome is Outcome.CLEAN
    assert answer.reason == "1 package, 1 allowed until they expire"


def test_an_allowance_that_matches_nothing_fails() -> None:
    answer = verdict(allowances=(allowance(),))

    assert answer.outcome is Outcome.FAILED
    assert "matches nothing" in answer.details[0]


def test_an_allowance_for_another_version_of_the_lock_may_match_nothing() -> None:
    answer = verdict(allowances=(allowance(),), other_lock=True)

    assert answer == Verdict(Outcome.CLEAN, "1 package")


def test_an_allowance_for_another_version_of_the_lock_still_allows_only_itself() -> (
    None
):
    other = Finding("other", "1.0", ("PYSEC-2024-2",), ())

    answer = verdict(HOLE, other, allowances=(allowance(),), other_lock=True)

    assert answer.outcome is Outcome.FAILED
    assert answer.details == ("other 1.0: PYSEC-2024-2 (no fix)",)


def test_old_advisories_cannot_tell_that_an_allowance_matches_nothing() -> None:
    answer = verdict(allowances=(allowance(),), newest_advisory=date(2024, 10, 10))

    assert answer.outcome is Outcome.NOT_CHECKED


def test_an_allowance_is_for_one_package_only() -> None:
    other = Finding("other", "1.0", HOLE.identifiers, ())

    assert verdict(other, allowances=(allowance(),)).outcome is Outcome.FAILED


def test_everything_skipped_is_not_checked() -> None:
    answer = verdict(audited={}, skipped={"insecure": "service unreachable"})

    assert answer.outcome is Outcome.NOT_CHECKED
    assert answer.reason.startswith("nothing was audited")
    assert answer.details == ("insecure 1.0: skipped, service unreachable",)


def test_a_pin_that_the_report_lacks_is_not_checked() -> None:
    answer = verdict(locked=pins("insecure==1.0", "forgotten==3.0"))

    assert answer.outcome is Outcome.NOT_CHECKED
    assert answer.reason == "1 of 2 packages were not audited"
    assert answer.details == ("forgotten 3.0: not in the report",)


def test_a_pin_audited_at_another_version_is_not_checked() -> None:
    answer = verdict(audited={"insecure": "0.9"})

    assert answer.details == ("insecure 1.0: audited as 0.9",)


def test_a_pin_for_other_machines_need_not_be_audited() -> None:
    locked = pins("insecure==1.0") | pins("colorama==1.0", applies=False)

    assert verdict(locked=locked).outcome is Outcome.CLEAN


def test_a_finding_fails_even_where_other_packages_were_not_audited() -> None:
    locked = pins("insecure==1.0", "forgotten==3.0")

    assert verdict(HOLE, locked=locked).outcome is Outcome.FAILED


def test_clean_against_old_advisories_is_not_checked() -> None:
    answer = verdict(newest_advisory=date(2024, 10, 10))

    assert answer.outcome is Outcome.NOT_CHECKED
    assert answer.reason == (
        "clean against advisories of 2024-10-10, newer ones NOT CHECKED (1 package)"
    )


def test_clean_against_advisories_of_this_week_is_clean() -> None:
    assert verdict(newest_advisory=date(2026, 11, 16)).outcome is Outcome.CLEAN
    assert verdict(newest_advisory=date(2026, 11, 15)).outcome is Outcome.NOT_CHECKED


def test_each_outcome_has_an_exit_status_of_its_own() -> None:
    assert [outcome.value for outcome in Outcome] == [0, 1, 3]


def test_a_verdict_prints_the_deciding_line_last() -> None:
    text = Verdict(Outcome.NOT_CHECKED, "no service", ("a 1.0: skipped",)).render(
        "audit"
    )

    assert text == "  a 1.0: skipped\naudit: NOT CHECKED: no service"


def test_a_long_verdict_counts_what_it_does_not_print() -> None:
    details = tuple(f"package{number}" for number in range(25))

    lines = Verdict(Outcome.NOT_CHECKED, "no service", details).render("a").split("\n")

    assert len(lines) == 22
    assert lines[20] == "  and 5 more"
