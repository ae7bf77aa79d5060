"""A failure that nobody waits for is told in one issue, for as long as it lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from delivery.pipeline import steps_run
from delivery.pipeline.cli import main
from delivery.pipeline.errors import TransportError

TITLE = "The daily scan failed"


@dataclass
class Tracker:
    """GitHub's issues of one repository; the answer to a first try may get lost."""

    loses: int = 0
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @classmethod
    def from_environment(cls, environment: object) -> Tracker:
        raise AssertionError("the fixture gives the one to use")

    def get(self, path: str) -> Any:
        assert path.startswith("issues?state=open&labels=")
        label = path.partition("labels=")[2].partition("&")[0]
        return [item for item in self.issues if label in item["labels"]]

    def post(
        self, path: str, body: Mapping[str, Any], made: Callable[[], Any]
    ) -> Mapping[str, Any]:
        if path == "issues":
            number = len(self.issues) + 1
            self.issues.append({**body, "number": number, "html_url": f"/{number}"})
            return made() if self.loses else self.issues[-1]
        self.comments.append(f"{path} {body['body']}")
        return {"html_url": f"/{path}"}


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Tracker:
    found = Tracker()
    monkeypatch.setattr(Tracker, "from_environment", lambda environment: found)
    monkeypatch.setattr(steps_run, "GitHub", Tracker)
    return found


def tell(body: str = "see run 1") -> int:
    command = ["open-issue", "--title", TITLE, "--body", body]
    return main([*command, "--label", "daily-scan", "--assign", "anna,bela"])


def test_a_first_failure_opens_an_issue(
    tracker: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell() == 0
    (issue,) = tracker.issues
    assert (issue["title"], issue["body"]) == (TITLE, "see run 1")
    assert issue["assignees"] == ["anna", "bela"]
    assert "told in /1" in capsys.readouterr().out


def test_a_second_one_is_a_comment_on_it(tracker: Tracker) -> None:
    tracker.issues += [
        {"title": TITLE, "number": 1, "labels": []},
        {"title": TITLE, "number": 2, "labels": ["daily-scan"], "pull_request": {}},
    ]
    tell()
    assert tell("see run 2") == 0
    assert len(tracker.issues) == 3
    assert tracker.comments == ["issues/3/comments see run 2"]


def test_an_issue_whose_answer_got_lost_is_found(tracker: Tracker) -> None:
    tracker.loses = 1
    assert tell() == 0
    assert len(tracker.issues) == 1


def test_a_github_that_is_away_is_an_error(
    tracker: Tracker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def away(self: Tracker, path: str) -> Any:
        raise TransportError("github-api", "GET issues was answered 503")

    monkeypatch.setattr(Tracker, "get", away)
    assert tell() == 1
    assert "503" in capsys.readouterr().err
