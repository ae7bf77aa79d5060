"""How a set of checks is run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from devtools.checks import runner
from devtools.checks.check import PASSED, Check, Outcome, Result, Status, failed
from devtools.checks.runner import Runner, exit_status, totals
from devtools.commands import RunningPrograms
from devtools.errors import DevtoolsError
from devtools.tests.checks.conftest import make_check


def run(
    tmp_path: Path, *checks: Check, cores: int = 2
) -> tuple[list[Result], list[str]]:
    shown: list[str] = []
    everything = Runner(checks, tmp_path, lambda r: shown.append(r.check.name), cores)
    return everything.run(), shown


def test_a_failure_hides_no_other_check(tmp_path: Path) -> None:
    results, shown = run(
        tmp_path, make_check("first", failed("broken")), make_check("second")
    )

    assert {r.check.name: r.outcome.status for r in results} == {
        "first": Status.FAILED,
        "second": Status.PASSED,
    }
    assert sorted(shown) == ["first", "second"]


def test_a_check_runs_after_what_it_needs(tmp_path: Path) -> None:
    _, shown = run(
        tmp_path,
        make_check("third", needs=("second",)),
        make_check("second", needs=("first",)),
        make_check("first"),
    )

    assert shown == ["first", "second", "third"]


def test_what_needs_a_failed_check_fails_and_says_why(tmp_path: Path) -> None:
    results, _ = run(
        tmp_path,
        make_check("system", failed("no port")),
        make_check("suite", needs=("system",)),
        make_check("coverage", needs=("suite",)),
    )

    notes = {result.check.name: result.outcome.note for result in results}
    assert notes["suite"] == "did not run, it needs: system"
    assert notes["coverage"] == "did not run, it needs: suite"
    assert all(result.failed for result in results)


def test_the_log_of_an_earlier_run_is_gone(tmp_path: Path) -> None:
    (tmp_path / "suite.log").write_text("all was well then\n")

    run(
        tmp_path,
        make_check("system", failed("no port")),
        make_check("suite", needs=("system",)),
    )

    assert not (tmp_path / "suite.log").exists()


def test_a_check_that_breaks_down_fails_with_its_traceback(tmp_path: Path) -> None:
    def action(log: Path) -> Outcome:
        raise ValueError("an odd thing")

    (result,), _ = run(tmp_path, make_check("odd", action=action))

    assert result.outcome.note == "broke down: an odd thing"
    assert "Traceback" in result.log.read_text()


def test_a_known_error_is_told_without_a_traceback(tmp_path: Path) -> None:
    def action(log: Path) -> Outcome:
        raise DevtoolsError("no PostgreSQL", "run `make setup`", ("a detail",))

    (result,), _ = run(tmp_path, make_check("known", action=action))

    assert result.outcome.note == "no PostgreSQL"
    expected = "a detail\nno PostgreSQL: run `make setup`\n"
    assert result.log.read_text() == expected


def test_light_checks_run_beside_heavy_ones(tmp_path: Path) -> None:
    light_is_over = threading.Event()

    def heavy(log: Path) -> Outcome:
        return PASSED if light_is_over.wait(30) else failed("waited in vain")

    def light(log: Path) -> Outcome:
        light_is_over.set()
        return PASSED

    results, _ = run(
        tmp_path,
        make_check("heavy", action=heavy, heavy=True),
        make_check("light", action=light),
        cores=1,
    )

    assert not any(result.failed for result in results)


def test_no_more_heavy_checks_at_once_than_cores(tmp_path: Path) -> None:
    lock = threading.Lock()
    at_once = [0, 0]

    def action(log: Path) -> Outcome:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        with lock:
            at_once[0] -= 1
        return PASSED

    checks = [make_check(f"heavy {n}", action=action, heavy=True) for n in range(8)]
    run(tmp_path, *checks, cores=1)

    assert at_once == [0, 1]


def test_an_interruption_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "running", RunningPrograms())
    started: list[str] = []

    def show(result: Result) -> None:
        raise KeyboardInterrupt

    def action(log: Path) -> Outcome:
        started.append("later")
        return PASSED

    checks = [make_check("now"), make_check("later", needs=("now",), action=action)]

    with pytest.raises(KeyboardInterrupt):
        Runner(checks, tmp_path, show, cores=1).run()
    assert started == []


def result(outcome: Outcome) -> Result:
    return Result(make_check("some"), outcome, 1.0, Path("some.log"))


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([PASSED], 0),
        ([PASSED, Outcome(Status.NOT_CHECKED)], 0),
        ([PASSED, failed("broken")], 1),
        ([Outcome(Status.NOT_CHECKED)], 1),
        ([], 1),
    ],
)
def test_the_exit_status_is_zero_only_when_something_passed_and_nothing_failed(
    outcomes: list[Outcome], status: int
) -> None:
    assert exit_status([result(outcome) for outcome in outcomes]) == status


def test_totals_count_tests_and_checks_together() -> None:
    outcomes = [
        Outcome(Status.PASSED, tests_passed=10),
        Outcome(Status.FAILED, tests_passed=3, tests_failed=2),
        Outcome(Status.NOT_CHECKED),
        PASSED,
    ]

    assert totals(outcomes) == (10 + 3 + 2, 2 + 1)
