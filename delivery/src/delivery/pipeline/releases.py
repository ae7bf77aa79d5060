"""The record of what was deployed: one per deployment, behind one interface.

On GitHub a record is a Deployment with the record as its payload; on a machine of one's
own it is a file.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from delivery.pipeline.digest import parse_digest
from delivery.pipeline.errors import StepError
from delivery.pipeline.github import GitHub

ENVIRONMENTS = ("staging", "production")
SUCCESS = "success"
FAILURE = "failure"
RELEASE = "release"
ROLLBACK = "rollback"
PAGE = 100


@dataclass(frozen=True)
class Release:
    """One deployment of one component to one environment.

    :param kind: ``release`` or ``rollback``.
    :param outcome: ``success`` or ``failure``.
    :param approved_by: who approved it; empty for staging.
    :param scripted: the approval came from a script and shows no separation of duties.
    :param unchecked: the gates that ended NOT CHECKED and were accepted.
    :param finished_at: ISO 8601, UTC.
    """

    component: str
    environment: str
    digest: str
    commit: str
    kind: str
    outcome: str
    run: str
    actor: str
    finished_at: str
    approved_by: str = ""
    scripted: bool = False
    unchecked: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The record as it is kept."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Release:
        """A kept record.

        :raises StepError: it is not one
        """
        names = {field.name for field in dataclasses.fields(cls)}
        try:
            values = {key: document[key] for key in document if key in names}
            values["unchecked"] = tuple(values.get("unchecked", ()))
            release = cls(**values)
        except (TypeError, KeyError) as error:
            raise StepError("release-record", f"a record is broken: {error}") from error
        parse_digest(release.digest)
        return release


class ReleaseLog(Protocol):
    """Where records are kept."""

    def record(self, release: Release) -> None:
        """Keep one more record; a kept one never changes."""
        ...

    def history(self, component: str, environment: str) -> Iterator[Release]:
        """Every record, whatever its outcome, the newest first."""
        ...


def last_success(log: ReleaseLog, component: str, environment: str) -> Release | None:
    """The newest deployment that succeeded, if any did."""
    records = log.history(component, environment)
    return next((item for item in records if item.outcome == SUCCESS), None)


def deployed_commits(log: ReleaseLog, component: str) -> list[str | None]:
    """The commits that each environment may hold something of.

    That of its last deployment, for one that failed has left its traces, and that of
    the last that succeeded; None: none ever did.
    """
    commits: list[str | None] = []
    for name in ENVIRONMENTS:
        newest = next(log.history(component, name), None)
        last = last_success(log, component, name)
        commits.append(last.commit if last else None)
        if newest and last and newest.commit != last.commit:
            commits.append(newest.commit)
    return commits


@dataclass(frozen=True)
class LocalReleases:
    """Records as files under ``folder``, one folder per component and environment."""

    folder: Path

    def record(self, release: Release) -> None:
        """Write one file, which is never written again."""
        place = self.folder / release.component / release.environment
        place.mkdir(parents=True, exist_ok=True)
        stamp = release.finished_at.replace(":", "").replace("-", "")
        path = place / f"{stamp}-{release.run}.json"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError as error:
            raise StepError(
                "release-exists", f"{path} exists: a deployment is recorded once"
            ) from error
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(release.to_json(), file, indent=2)
            file.write("\n")

    def history(self, component: str, environment: str) -> Iterator[Release]:
        """Every file's record, the newest first."""
        place = self.folder / component / environment
        for path in sorted(place.glob("*.json"), reverse=True):
            yield Release.from_json(json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class GitHubReleases:
    """Records as GitHub Deployments with the task ``release:<component>``."""

    github: GitHub

    def record(self, release: Release) -> None:
        """Create a Deployment and set its outcome, each once."""
        created = self.github.post(
            "deployments",
            {
                "ref": release.commit,
                "task": f"release:{release.component}",
                "environment": release.environment,
                "payload": release.to_json(),
                "description": f"{release.kind} of {release.digest[:19]}",
                "auto_merge": False,
                "required_contexts": [],
                "production_environment": release.environment == "production",
            },
            made=lambda: self._recorded(release),
        )
        # The same outcome said twice is the same outcome.
        self.github.post(
            f"deployments/{created['id']}/statuses",
            {"state": release.outcome},
            made=lambda: None,
        )

    def _recorded(self, release: Release) -> dict[str, Any] | None:
        """The Deployment that carries this very record, if there is one."""
        newest = itertools.islice(
            self._deployments(release.component, release.environment), PAGE
        )
        return next((item for item in newest if _record_of(item) == release), None)

    def history(self, component: str, environment: str) -> Iterator[Release]:
        """The payload of every Deployment of the component, the newest first."""
        yield from map(_record_of, self._deployments(component, environment))

    def _deployments(
        self, component: str, environment: str
    ) -> Iterator[dict[str, Any]]:
        query = f"task=release:{component}&environment={environment}&per_page={PAGE}"
        for page in itertools.count(1):
            items = self.github.get(f"deployments?{query}&page={page}")
            yield from items
            if len(items) < PAGE:
                return


def _record_of(deployment: Mapping[str, Any]) -> Release:
    """The record that a Deployment carries, which GitHub may keep as text."""
    payload = deployment["payload"]
    return Release.from_json(
        json.loads(payload) if isinstance(payload, str) else payload
    )


def release_log(environment: Mapping[str, str]) -> ReleaseLog:
    """The log that fits where the step runs: ``RELEASES_DIR``, else GitHub."""
    folder = environment.get("RELEASES_DIR")
    if folder:
        return LocalReleases(Path(folder))
    return GitHubReleases(GitHub.from_environment(environment))


def outcome_of(status: str) -> str:
    """What a job's ``status`` means; one that was cut short has failed."""
    return SUCCESS if status == SUCCESS else FAILURE


def timestamp(moment: dt.datetime) -> str:
    """``moment`` as a record keeps it."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def released_tag(moment: dt.datetime) -> str:
    """The immutable tag that an image gets when it reached production."""
    return moment.astimezone(dt.UTC).strftime("released-%Y%m%dT%H%M%SZ")
