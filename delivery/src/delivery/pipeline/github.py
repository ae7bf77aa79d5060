"""What a step tells the workflow, and what it asks GitHub's REST API."""

from __future__ import annotations

import json
import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.pipeline.errors import StepError, TransportError

ATTEMPTS = 4


def set_outputs(values: Mapping[str, str]) -> None:
    """Give the step's outputs to the workflow; printed where there is no workflow."""
    printed = "".join(f"{name}={value}\n" for name, value in values.items())
    _append("GITHUB_OUTPUT", _lines(values), printed)


def export_masked(values: Mapping[str, str]) -> None:
    """Give secrets to the following steps as variables that no log shows.

    :raises StepError: there is no job to give them to
    """
    if not os.environ.get("GITHUB_ENV"):
        raise StepError("no-job", "secrets are handed to a job's steps only")
    for value in values.values():
        print(f"::add-mask::{value}", flush=True)
    _append("GITHUB_ENV", _lines(values), "")


def _lines(values: Mapping[str, str]) -> str:
    """Assignments whose values cannot add assignments of their own."""
    text = ""
    for name, value in values.items():
        mark = secrets.token_hex(16)
        text += f"{name}<<{mark}\n{value}\n{mark}\n"
    return text


def add_summary(markdown: str) -> None:
    """Add to the page that GitHub shows of the run."""
    _append("GITHUB_STEP_SUMMARY", f"{markdown}\n", "")


def _append(variable: str, text: str, printed: str) -> None:
    path = os.environ.get(variable)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    elif printed:
        print(printed, end="")


@dataclass(frozen=True)
class GitHub:
    """GitHub's REST API for one repository.

    :param url: base of the API, ``https://api.github.com``.
    :param repository: ``owner/name``.
    :param token: the job's own short-lived token.
    """

    url: str
    repository: str
    token: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> GitHub:
        """The API as a job sees it.

        :raises StepError: the job was not given a token
        """
        token = environment.get("GITHUB_TOKEN", "")
        repository = environment.get("GITHUB_REPOSITORY", "")
        if not token or not repository:
            raise StepError(
                "no-github",
                "GITHUB_TOKEN and GITHUB_REPOSITORY must be set for the job",
            )
        url = environment.get("GITHUB_API_URL", "https://api.github.com")
        return cls(url.rstrip("/"), repository, token)

    def get(self, path: str) -> Any:
        """Read ``path`` of the repository; transport failures are tried again."""
        return self._repeated(lambda _: self._call("GET", path, None))

    def post(
        self, path: str, body: Mapping[str, object], made: Callable[[], Any]
    ) -> Any:
        """Create something, once; transport failures are tried again.

        :param made: finds what an earlier try has made, for its answer may be what got
            lost; None where there is nothing.
        """

        def create(attempt: int) -> Any:
            there = made() if attempt > 1 else None
            return there or self._call("POST", path, body)

        return self._repeated(create)

    def _repeated(self, call: Callable[[int], Any]) -> Any:
        """What ``call`` answers to the number of the attempt, from 1."""
        for attempt in range(1, ATTEMPTS):
            try:
                return call(attempt)
            except TransportError:
                self.sleep(2.0**attempt)
        return call(ATTEMPTS)

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        url = f"{self.url}/repos/{self.repository}/{path}"
        request = urllib.request.Request(
            url,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            # The runner names the API's address, no input of a workflow does.
            with urllib.request.urlopen(request, timeout=30) as answer:  # nosec B310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            passing = error.code in (429, 500, 502, 503, 504)
            raise (TransportError if passing else StepError)(
                "github-api", f"{method} {path} was answered {error.code}"
            ) from error
        except (urllib.error.URLError, OSError) as error:
            raise TransportError("github-api", f"{method} {path}: {error}") from error
