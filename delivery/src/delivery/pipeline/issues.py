"""Tells people of a failure that no one waits for: an issue, open until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from delivery.pipeline.github import GitHub


def tell(
    github: GitHub, title: str, body: str, label: str, owners: Sequence[str]
) -> str:
    """Open an issue, or comment on the open one with that label; return its address.

    :param owners: logins of people, whom GitHub mails of it and of each comment. A team
        that an issue of a workflow mentions is told nothing.
    :raises StepError: GitHub refuses
    """

    def opened() -> Any:
        # What GitHub lists as issues are pull requests as well.
        listed = github.get(f"issues?state=open&labels={quote(label)}&per_page=100")
        return next((item for item in listed if "pull_request" not in item), None)

    issue = opened()
    if issue is None:
        text = {"title": title, "body": body, "labels": [label]}
        made = github.post("issues", {**text, "assignees": list(owners)}, opened)
        return str(made["html_url"])
    # Whether an earlier try arrived is not asked: a comment may stand there twice.
    comments = f"issues/{issue['number']}/comments"
    return str(github.post(comments, {"body": body}, lambda: None)["html_url"])
