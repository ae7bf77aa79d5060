"""A run of the real pytest, judged by what it executed."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from devtools.checks import skips, suite
from devtools.checks.check import Outcome, Status
from devtools.checks.execution import Command
from devtools.checks.junit import Skip
from devtools.checks.suite import SuiteCheck
from devtools.errors import DevtoolsError

NAME = "some tests"
SKIPPED = """
import pytest

@pytest.mark.{mark}(reason="no camera here")
def test_camera():
    assert {result}

def test_rest():
    pass
"""


def run(folder: Path, text: str) -> Outcome:
    (folder / "test_some.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = Command([sys.executable, "-m", "pytest", "-q"], folder, Path(sys.prefix))
    return SuiteCheck(NAME, command)(folder / "some-tests.log")


def test_passing_tests_are_counted(tmp_path: Path) -> None:
    outcome = run(tmp_path, "def test_a(): pass\ndef test_b(): pass\n")

    assert outcome == Outcome(Status.PASSED, "2 tests", tests_passed=2)


def test_a_failing_test_fails(tmp_path: Path) -> None:
    outcome = run(tmp_path, "def test_a(): pass\ndef test_b(): assert 0\n")

    assert outcome.status is Status.FAILED
    assert outcome.note == "1 of 2 tests failed"
    assert (outcome.tests_passed, outcome.tests_failed) == (1, 1)


def test_a_broken_fixture_fails(tmp_path: Path) -> None:
    broken = "import pytest\n@pytest.fixture\ndef a(): raise OSError\n"

    assert run(tmp_path, broken + "def test_a(a): pass\n").tests_failed == 1


def test_a_suite_without_a_test_fails(tmp_path: Path) -> None:
    outcome = run(tmp_path, "")

    assert (outcome.status, outcome.note) == (Status.FAILED, "executed no test")


def test_a_suite_of_skipped_tests_only_executed_none(tmp_path: Path) -> None:
    text = "import pytest\n\n\ndef test_a():\n    pytest.skip('not today')\n"

    assert run(tmp_path, text).note == "executed no test"


def test_pytest_that_breaks_down_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("raise SystemExit(9)\n")

    assert run(tmp_path, "def test_a(): pass\n").status is Status.FAILED


@pytest.mark.parametrize(("mark", "result"), [("skip", 1), ("xfail", 0)])
def test_a_skip_nobody_reviewed_fails(tmp_path: Path, mark: str, result: int) -> None:
    outcome = run(tmp_path, SKIPPED.format(mark=mark, result=result))

    assert outcome.status is Status.FAILED
    assert outcome.note == "1 skipped without review"
    log = (tmp_path / "some-tests.log").read_text()
    assert "skipped without review: test_some.test_camera" in log
    assert "no camera here" in log


def test_a_reviewed_skip_passes_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed = frozenset({(NAME, "test_some.test_camera")})
    monkeypatch.setattr(suite, "read_reviewed", lambda: reviewed)

    outcome = run(tmp_path, SKIPPED.format(mark="skip", result=1))

    assert (outcome.status, outcome.note) == (Status.PASSED, "1 tests, 1 skipped")
    assert outcome.skipped == ("test_some.test_camera (no camera here)",)


def test_a_skip_is_reviewed_for_one_check_only() -> None:
    skip = Skip("test_some.test_camera", "no camera here")
    reviewed = frozenset({("other tests", skip.test)})

    assert skips.unreviewed(NAME, (skip,), reviewed) == [skip]


def test_the_reviewed_list_of_this_repository_can_be_read() -> None:
    assert isinstance(skips.read_reviewed(), frozenset)


ENTRY = """
[[skip]]
check = "some tests"
test = "test_some.test_camera"
reason = "{reason}"
owner = "dispatch team"
expires = {expires}
"""


def in_days(days: int) -> date:
    return datetime.now(UTC).date() + timedelta(days)


def test_a_reviewed_skip_counts_on_its_last_day(tmp_path: Path) -> None:
    path = tmp_path / "skips.toml"
    path.write_text(ENTRY.format(reason="no camera", expires=in_days(0)))

    assert skips.read_reviewed(path) == {(NAME, "test_some.test_camera")}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('[[skip]]\ncheck = "a"\ntest = "b"\n', "wrong entry"),
        (ENTRY.format(reason=" ", expires=in_days(9)), "no reason"),
        (ENTRY.format(reason="rain", expires='"soon"'), "needs a date"),
        (ENTRY.format(reason="rain", expires=in_days(-1)), "expired on"),
        (ENTRY.format(reason="rain", expires=in_days(91)), "more than 90 days"),
    ],
)
def test_a_reviewed_skip_needs_reason_owner_and_a_near_last_day(
    tmp_path: Path, entry: str, message: str
) -> None:
    path = tmp_path / "skips.toml"
    path.write_text(entry)

    with pytest.raises(DevtoolsError, match=message):
        skips.read_reviewed(path)


NODE_TEST = """
import test from "node:test";
test("a marker moves", () => {});
test("a marker turns grey", () => { %s });
"""


@pytest.mark.parametrize(
    ("body", "counts"), [("", (2, 0)), ("throw new Error('red')", (1, 1))]
)
def test_a_suite_of_node_is_judged_the_same_way(
    tmp_path: Path, body: str, counts: tuple[int, int]
) -> None:
    (tmp_path / "map.test.mjs").write_text(NODE_TEST % body)
    command = Command(["node", "--test", "map.test.mjs"], tmp_path, tmp_path)
    log = tmp_path / "map-rules.log"

    outcome = SuiteCheck("map rules", command, suite.node_writes)(log)

    assert (outcome.tests_passed, outcome.tests_failed) == counts
    assert (outcome.status is Status.FAILED) == bool(counts[1])
    assert "a marker turns grey" in log.read_text()
