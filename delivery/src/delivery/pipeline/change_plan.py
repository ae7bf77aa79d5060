"""What a run has to do, from what a change touches.

A change is measured against what was last deployed with success, not against the last
commit: a deployment that failed or was refused must not lose its changes.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from delivery.pipeline.errors import StepError
from delivery.pipeline.process import Runner

MAIN = "refs/heads/main"
_RELEASE_TAG = re.compile(r"refs/tags/v\d+\.\d+\.\d+\S*")
# A change here can change what a pipeline of any component does.
SHARED = (
    ".github",
    "Makefile",
    "delivery",
    "devtools",
    "requirements",
    # Part of the integration tests' virtualenv.
    "simulator/requirements-data.txt",
    # The addon's unit tests have their PostgreSQL from it.
    "gps_ingestion_service/requirements-dev.txt",
)
# Words about the product are not the product.
_PROSE = ".md"


class Stage(enum.Enum):
    """The parts of a pipeline that a plan switches on."""

    VERIFY = "verify"
    PULL_REQUEST_IMAGE = "pull-request-image"
    RELEASE = "release"


@dataclass(frozen=True)
class Plan:
    """What to run, and why, in words for the summary."""

    verify: bool
    pull_request_image: bool
    release: bool
    why: str

    def to_json(self) -> str:
        """The plan as a job output."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """A plan from a job output.

        :raises StepError: it is not one
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise StepError("plan", f"the plan cannot be read: {error}") from error

    def wants(self, stage: Stage) -> bool:
        """Whether ``stage`` is to run."""
        return bool(getattr(self, stage.value.replace("-", "_")))


def touches(files: Sequence[str], component: str) -> list[str]:
    """The files that matter to ``component``."""
    roots = [PurePosixPath(root) for root in (component, *SHARED)]
    return [
        name
        for name in files
        if PurePosixPath(name).suffix != _PROSE
        and any(PurePosixPath(name).is_relative_to(root) for root in roots)
    ]


def is_release_tag(ref: str) -> bool:
    """Whether ``ref`` is a tag that names a version."""
    return _RELEASE_TAG.fullmatch(ref) is not None


def plan(event: str, ref: str, changed: Sequence[str] | None) -> Plan:
    """Decide what a run does.

    :param event: GitHub's name of what started it.
    :param ref: the full ref it runs on.
    :param changed: the component's changed files; None where there is nothing to
        compare with.
    :raises StepError: the event is none that a pipeline has
    """
    count = "all files" if changed is None else f"{len(changed)} files"
    touched = changed is None or bool(changed)
    if event in ("pull_request", "merge_group"):
        return Plan(touched, touched, False, f"{event}: {count} to check")
    if event == "workflow_dispatch":
        if ref == MAIN or is_release_tag(ref):
            return Plan(True, False, True, f"by hand on {ref}: all stages")
        return Plan(
            True, False, False, f"by hand on {ref}: ends after Unit Test & Coverage"
        )
    if event == "push" and is_release_tag(ref):
        return Plan(True, False, True, f"{ref}: all stages, one image per commit")
    if event == "push" and ref == MAIN:
        return Plan(touched, False, touched, f"main: {count} since the last deployment")
    raise StepError("plan", f"no plan for {event} on {ref}")


def base_of(event: Mapping[str, Any], name: str, deployed: str | None) -> str | None:
    """The commit that a change is compared with; None: everything is new."""
    if name == "pull_request":
        return str(event["pull_request"]["base"]["sha"])
    if name == "merge_group":
        return str(event["merge_group"]["base_sha"])
    return deployed


def changed_files(base: str | None, head: str, runner: Runner) -> list[str] | None:
    """Names of the files that differ, both names of a renamed one.

    None where ``base`` is unknown here (rewritten, or never fetched): then nothing can
    be left out.
    """
    if not base:
        return None
    result = runner(["git", "diff", "--no-renames", "--name-only", "-z", base, head])
    if result.code != 0:
        return None
    return [name for name in result.output.split("\0") if name]


def judge_results(
    wanted: Plan, results: Mapping[str, str], stages: Mapping[str, Stage | None]
) -> list[str]:
    """What keeps the required check from being green; empty when it is.

    :param results: each needed job's result, by job id.
    :param stages: which stage each of them is; None: it must always succeed.
    """
    problems = []
    for job, stage in sorted(stages.items()):
        result = results.get(job, "missing")
        wanted_here = stage is None or wanted.wants(stage)
        if result == "success" or (result == "skipped" and not wanted_here):
            continue
        expected = "success" if wanted_here else "success or skipped"
        problems.append(f"{job} ended as {result}, the plan wants {expected}")
    return problems
