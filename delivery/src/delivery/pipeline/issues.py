"""Tells people of a failure that no one waits for: an issue, open until it ends."""

from __future__ import annotations

from typing import Any

from delivery.pipeline.github import GitHub


def tell(github: GitHub, title: str, body: str) -> str:
    """Open an issue, or comment on the open one of the same title; return its address.

    :raises StepError: GitHub refuses
    """

    def opened() -> Any:
        issues = github.get("issues?state=open&per_page=100")
        return next((item for item in issues if item["title"] == title), None)

    issue = opened()
    if issue is None:
        text = {"title": title, "body": body}
        return str(github.post("issues", text, opened)["html_url"])
    # Whether an earlier try arrived is not asked: a comment may stand there twice.
    comments = f"issues/{issue['number']}/comments"
    return str(github.post(comments, {"body": body}, lambda: None)["html_url"])
