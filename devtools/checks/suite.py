"""Test suites: a run is judged by what it executed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from devtools.checks.check import Outcome, Status, failed
from devtools.checks.execution import Command, verdict
from devtools.checks.junit import Suite, read_suites
from devtools.checks.skips import read_reviewed, unreviewed


def pytest_writes(junit: Path) -> dict[str, str]:
    """Environment in which pytest writes JUnit XML."""
    return {"PYTEST_ADDOPTS": f"--junitxml={junit} -p no:cacheprovider"}


def node_writes(junit: Path) -> dict[str, str]:
    """Environment in which Node's test runner writes JUnit XML."""
    options = f"--test-reporter=junit --test-reporter-destination={junit}"
    spec = "--test-reporter=spec --test-reporter-destination=stdout"
    return {"NODE_OPTIONS": f"{options} {spec}"}


@dataclass(frozen=True)
class SuiteCheck:
    """Runs a suite whose JUnit XML goes beside the log.

    :param name: of the check, as the reviewed list of skips has it.
    :param command: the test runner's command line, as a pipeline has it.
    :param writes: environment that tells the runner where its results go.
    """

    name: str
    command: Command
    writes: Callable[[Path], dict[str, str]] = pytest_writes

    def __call__(self, log: Path) -> Outcome:
        junit = log.with_suffix(".xml")
        junit.unlink(missing_ok=True)
        variables = {**self.command.variables, **self.writes(junit)}
        status = replace(self.command, variables=variables).execute(log)
        return judge_suite(self.name, status, [junit] if junit.is_file() else [], log)


def judge_suite(name: str, status: int, junit: Iterable[Path], log: Path) -> Outcome:
    """Outcome of a run.

    :param status: its exit status.
    :param junit: what it wrote; nothing when it broke down.
    """
    files = list(junit)
    if not files:
        return failed(f"no result: {verdict(status).note}")
    suite = read_suites(files)
    problem = _problem(name, status, suite, log)
    return Outcome(
        Status.FAILED if problem else Status.PASSED,
        problem or _count(suite),
        tests_passed=suite.passed,
        tests_failed=suite.failed,
        skipped=tuple(str(skip) for skip in suite.skips),
    )


def _problem(name: str, status: int, suite: Suite, log: Path) -> str:
    if suite.failed:
        return f"{suite.failed} of {suite.executed} tests failed"
    if not suite.executed:
        return "executed no test"
    if status != 0:
        return verdict(status).note
    unknown = unreviewed(name, suite.skips, read_reviewed())
    if unknown:
        with log.open("a", encoding="utf-8") as file:
            file.writelines(f"skipped without review: {skip}\n" for skip in unknown)
        return f"{len(unknown)} skipped without review"
    return ""


def _count(suite: Suite) -> str:
    skips = f", {len(suite.skips)} skipped" if suite.skips else ""
    return f"{suite.passed} tests{skips}"
