"""What a run prints."""

from __future__ import annotations

import io
from pathlib import Path

from devtools.checks.check import Kind, Outcome, Result, Status, failed
from devtools.checks.summary import Printer, closing_lines
from devtools.tests.checks.conftest import make_check


def result(name: str, outcome: Outcome, log: Path = Path("none.log")) -> Result:
    kind = Kind.AUDIT if "audit" in name else Kind.TEST
    component = name.partition(" ")[0]
    return Result(make_check(name, component=component, kind=kind), outcome, 2.5, log)


def test_the_counts_are_the_last_line_and_alone() -> None:
    lines = list(
        closing_lines(
            [
                result("gps tests", Outcome(Status.PASSED, tests_passed=41)),
                result("gps mypy", failed("exit status 1")),
            ]
        )
    )

    assert lines == ["failed: gps mypy", "42 passed, 1 failed"]


def test_an_audit_that_did_not_look_is_told_with_its_components() -> None:
    reason = "clean against advisories of 2024-10-10, newer ones NOT CHECKED"
    unchecked = [
        result(f"{name} pip-audit", Outcome(Status.NOT_CHECKED, f"{reason} ({count})"))
        for name, count in (
            ("addon", "60 packages"),
            ("gps", "30 packages"),
            ("gps dev", "80 packages"),
        )
    ]
    clean = result("gps mypy", Outcome(Status.PASSED))

    assert list(closing_lines([*unchecked, clean])) == [
        f"dependency audit NOT CHECKED (addon, gps: {reason})",
        "3 of 4 checks NOT CHECKED",
        "1 passed, 0 failed",
    ]


def test_a_reviewed_skip_is_told() -> None:
    outcome = Outcome(Status.PASSED, tests_passed=1, skipped=("test_a (no camera)",))

    assert list(closing_lines([result("gps tests", outcome)])) == [
        "skipped, reviewed: gps tests: test_a (no camera)",
        "2 passed, 0 failed",
    ]


def test_a_failed_check_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "check.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    stream = io.StringIO()
    printer = Printer(stream, count=2, width=10)

    printer.show(result("gps mypy", failed("exit status 1"), log))
    printer.show(result("gps black", Outcome(Status.PASSED)))

    lines = stream.getvalue().splitlines()
    assert lines[0] == "   [1/2] gps mypy    FAILED         2.5 s  exit status 1"
    assert lines[1] == "    | line 60"
    assert lines[-3] == "    | line 99"
    assert lines[-2] == f"    (all of it: {log})"
    assert lines[-1] == "   [2/2] gps black   passed         2.5 s"
