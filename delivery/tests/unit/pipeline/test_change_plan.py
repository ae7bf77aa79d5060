"""A run does what the change needs, measured from what was last deployed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from delivery.pipeline.change_plan import (
    MAIN,
    Change,
    Plan,
    Stage,
    bases_of,
    changed_files,
    judge_results,
    plan,
    what_matters,
)
from delivery.pipeline.errors import StepError
from delivery.pipeline.process import run

GPS = "gps_ingestion_service"
FILES = ["gps_ingestion_service/src/x.py"]
PRODUCT = Change(product=("gps_ingestion_service/src/x.py",))
WORDS = Change(words=("gps_ingestion_service/docs/adding-a-format.md",))
SAME = Change()


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("gps_ingestion_service/src/x.py", True),
        ("gps_ingestion_service/kube/base/service.yaml", True),
        (".github/workflows/pl-gps-001.yml", True),
        ("delivery/src/delivery/pipeline/pin.py", True),
        ("requirements/integration.txt", True),
        ("devtools/addon_shell.py", True),
        ("simulator/requirements-data.txt", True),
        ("Makefile", True),
        ("gps_ingestion_service/static/icon.svg", True),
        ("gps_ingestion_service_old/x.py", False),
        ("odoo_addons/tms_management/models/x.py", False),
        ("docs/pipelines.md", False),
        ("delivery/README.md", False),
        ("docs/images/live-map.png", False),
        ("simulator/x.py", False),
    ],
)
def test_knows_what_matters_to_a_component(name: str, matters: bool) -> None:
    assert what_matters([name], GPS) == Change(product=(name,) if matters else ())


@pytest.mark.parametrize("name", ["docs/adding-a-format.md", "README.md"])
def test_words_among_a_components_files_are_tested_with_it(name: str) -> None:
    words = f"{GPS}/{name}"
    assert what_matters([words], GPS) == Change(words=(words,))
    assert what_matters([words], "odoo_addons/tms_management") == Change()


def test_the_lock_that_brings_postgresql_matters_to_the_addon() -> None:
    changed = ["gps_ingestion_service/requirements-dev.txt", *FILES]
    change = what_matters(changed, "odoo_addons/tms_management")
    assert change.product == tuple(changed[:1])


@pytest.mark.parametrize(
    ("event", "ref", "change", "expected"),
    [
        ("push", MAIN, PRODUCT, (True, False, True)),
        ("push", MAIN, SAME, (False, False, False)),
        ("push", MAIN, WORDS, (True, False, False)),
        ("push", MAIN, None, (True, False, True)),
        ("push", "refs/tags/v1.2.3", SAME, (True, False, True)),
        ("push", "refs/tags/v1.2.3-rc.1", SAME, (True, False, True)),
        ("pull_request", "refs/pull/7/merge", PRODUCT, (True, True, False)),
        ("pull_request", "refs/pull/7/merge", SAME, (False, False, False)),
        ("pull_request", "refs/pull/7/merge", WORDS, (True, False, False)),
        ("merge_group", "refs/heads/gh-readonly-queue/x", PRODUCT, (True, True, False)),
        ("workflow_dispatch", MAIN, SAME, (True, False, True)),
        ("workflow_dispatch", "refs/tags/v1.2.3", SAME, (True, False, True)),
        ("workflow_dispatch", "refs/heads/feature", PRODUCT, (True, False, False)),
        ("workflow_dispatch", "refs/heads/v1.2.3", PRODUCT, (True, False, False)),
    ],
)
def test_plans(
    event: str, ref: str, change: Change | None, expected: tuple[bool, ...]
) -> None:
    result = plan(event, ref, change)
    assert (result.verify, result.pull_request_image, result.release) == expected


@pytest.mark.parametrize(
    ("event", "ref"),
    [("push", "refs/heads/feature"), ("push", "refs/tags/v1"), ("issues", MAIN)],
)
def test_anything_else_has_no_plan(event: str, ref: str) -> None:
    with pytest.raises(StepError, match="no plan"):
        plan(event, ref, None)


def test_compares_a_change_with_where_it_goes() -> None:
    pull = {"pull_request": {"base": {"sha": "b1"}}}
    group = {"merge_group": {"base_sha": "b2"}}
    deployed = ["in staging", "in production"]
    assert bases_of(pull, "pull_request", deployed) == ["b1"]
    assert bases_of(group, "merge_group", deployed) == ["b2"]
    assert bases_of({"before": "b3"}, "push", deployed) == [*deployed, "b3"]
    assert bases_of({}, "push", deployed) == deployed


# With a real repository.


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A repository whose three commits add, move and forget a file."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.org")

    def git(*words: str) -> str:
        return subprocess.check_output(["git", *words], text=True).strip()

    def commit() -> str:
        git("add", "--all")
        git("commit", "--quiet", "--message", "x")
        return git("rev-parse", "HEAD")

    git("init", "--quiet")
    (tmp_path / "a b.py").write_text("text\n" * 20)
    result = [commit()]
    (tmp_path / "a b.py").rename(tmp_path / "c.py")
    result.append(commit())
    (tmp_path / "c.py").unlink()
    return [*result, commit()]


def test_a_moved_file_has_changed_in_both_places(commits: list[str]) -> None:
    assert changed_files(commits[:1], commits[1], run) == {"a b.py", "c.py"}


def test_several_commits_are_one_change(commits: list[str]) -> None:
    assert changed_files(commits[:1], commits[2], run) == {"a b.py"}


def test_what_was_taken_back_has_changed_where_it_was_deployed(
    commits: list[str],
) -> None:
    production, staging = commits[0], commits[1]
    assert changed_files([staging, production], commits[0], run) == {"a b.py", "c.py"}


def test_a_commit_that_is_not_here_leaves_nothing_out(commits: list[str]) -> None:
    assert changed_files([commits[0], "0" * 40], commits[2], run) is None


def test_without_an_earlier_deployment_everything_is_new(commits: list[str]) -> None:
    assert changed_files([commits[0], None], commits[0], run) is None


# The required check.

STAGES = {"plan": None, "verify": Stage.VERIFY, "image": Stage.PULL_REQUEST_IMAGE}
EVERYTHING = Plan(True, True, False, "")
NOTHING = Plan(False, False, False, "")


@pytest.mark.parametrize(
    ("wanted", "results", "green"),
    [
        (
            EVERYTHING,
            {"plan": "success", "verify": "success", "image": "success"},
            True,
        ),
        (NOTHING, {"plan": "success", "verify": "skipped", "image": "skipped"}, True),
        (
            EVERYTHING,
            {"plan": "success", "verify": "skipped", "image": "success"},
            False,
        ),
        (
            EVERYTHING,
            {"plan": "success", "verify": "success", "image": "failure"},
            False,
        ),
        (NOTHING, {"plan": "success", "verify": "failure", "image": "skipped"}, False),
        (NOTHING, {"plan": "skipped", "verify": "skipped", "image": "skipped"}, False),
        (EVERYTHING, {"plan": "success", "verify": "cancelled"}, False),
    ],
)
def test_a_job_may_be_skipped_only_where_the_plan_says_so(
    wanted: Plan, results: dict[str, str], green: bool
) -> None:
    assert (judge_results(wanted, results, STAGES) == []) is green


def test_a_plan_survives_being_a_job_output() -> None:
    assert Plan.from_json(EVERYTHING.to_json()) == EVERYTHING


@pytest.mark.parametrize("text", ["", "[]", '{"verify": true}'])
def test_a_broken_plan_is_an_error(text: str) -> None:
    with pytest.raises(StepError, match="cannot be read"):
        Plan.from_json(text)
