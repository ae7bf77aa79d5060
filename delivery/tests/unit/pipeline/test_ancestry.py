"""Nothing newer is overwritten, and nothing is released that main does not hold."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from delivery.pipeline.ancestry import (
    ORIGIN_MAIN,
    is_ancestor,
    refuse_off_main,
    refuse_older,
)
from delivery.pipeline.errors import StepError
from delivery.pipeline.process import run

UNKNOWN = "0" * 40
TAG = "refs/tags/v1.2.3"


@dataclass(frozen=True)
class Commits:
    """Two commits of main, and one beside it."""

    first: str
    second: str
    aside: str


def git(*words: str) -> str:
    """Run git in the current folder."""
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *author, *words]
    return subprocess.check_output(command, text=True).strip()


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commits:
    """A repository whose origin has both commits on main."""
    monkeypatch.chdir(tmp_path)

    def commit() -> str:
        git("commit", "--quiet", "--allow-empty", "--message", "x")
        return git("rev-parse", "HEAD")

    git("init", "--quiet")
    first, second = commit(), commit()
    git("update-ref", ORIGIN_MAIN, second)
    git("checkout", "--quiet", "--detach", first)
    git("commit", "--quiet", "--allow-empty", "--message", "aside")
    return Commits(first, second, git("rev-parse", "HEAD"))


def test_history_tells_which_commit_is_older(commits: Commits) -> None:
    assert is_ancestor(commits.first, commits.second, run) is True
    assert is_ancestor(commits.second, commits.first, run) is False
    assert is_ancestor(commits.aside, commits.second, run) is False
    assert is_ancestor(commits.first, UNKNOWN, run) is None


def test_an_older_commit_does_not_overwrite_a_newer_one(commits: Commits) -> None:
    with pytest.raises(StepError, match="run the rollback workflow instead"):
        refuse_older(commits.first, commits.second, "staging", run)


def test_what_is_not_older_goes_on_and_says_why(commits: Commits) -> None:
    first, second, aside = commits.first, commits.second, commits.aside
    assert "not older" in refuse_older(second, first, "staging", run)
    assert "not older" in refuse_older(aside, second, "staging", run)
    assert "already" in refuse_older(second, second, "staging", run)
    assert "nothing" in refuse_older(first, None, "production", run)
    unknown = refuse_older(first, UNKNOWN, "production", run)
    assert f"{UNKNOWN}, the last in production, is not in this history" in unknown


def test_a_version_tag_names_a_commit_of_main(commits: Commits) -> None:
    refuse_off_main(commits.first, TAG, run)
    refuse_off_main(commits.second, TAG, run)
    with pytest.raises(StepError, match="merge it into main"):
        refuse_off_main(commits.aside, TAG, run)


def test_a_checkout_without_main_proves_nothing(commits: Commits) -> None:
    git("update-ref", "-d", ORIGIN_MAIN)
    with pytest.raises(StepError, match="with the whole history"):
        refuse_off_main(commits.first, TAG, run)
