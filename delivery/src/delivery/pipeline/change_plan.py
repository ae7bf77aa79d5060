"""What a run has to do, from what a change touches.

A push is measured against what was last deployed with success, not only against the
commit before it: a deployment that failed or was refused must not lose its changes. It
is measured against staging as well as production, and against the commit before, for a
change that is taken back while it waits for approval leaves production as it was.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Iterable, Mapping, Sequence
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
# Words about the product are not the product; but tests may hold the product to them.
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


@dataclass(frozen=True)
class Change:
    """What matters to one component of all files that differ.

    :param product: files that it is made of, or delivered by.
    :param words: Markdown among its own files, which its tests may read.
    """

    product: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{len(self.product)} files and {len(self.words)} of words"


def what_matters(files: Iterable[str], component: str) -> Change:
    """The files that matter to ``component``, a Source Path."""
    roots = [PurePosixPath(root) for root in (component, *SHARED)]
    paths = [PurePosixPath(name) for name in files]
    words = [path for path in paths if path.suffix == _PROSE]
    product = (path for path in paths if path.suffix != _PROSE)
    return Change(
        tuple(str(path) for path in product if any(map(path.is_relative_to, roots))),
        tuple(str(path) for path in words if path.is_relative_to(component)),
    )


def is_release_tag(ref: str) -> bool:
    """Whether ``ref`` is a tag that names a version."""
    return _RELEASE_TAG.fullmatch(ref) is not None


def plan(event: str, ref: str, change: Change | None) -> Plan:
    """Decide what a run does.

    :param event: GitHub's name of what started it.
    :param ref: the full ref it runs on.
    :param change: what changed of the component; None where there is nothing to
        compare with.
    :raises StepError: the event is none that a pipeline has
    """
    count = "all files" if change is None else str(change)
    touched = change is None or bool(change.product)
    verify = change is None or touched or bool(change.words)
    if event in ("pull_request", "merge_group"):
        return Plan(verify, touched, False, f"{event}: {count} to check")
    if event == "workflow_dispatch":
        if ref == MAIN or is_release_tag(ref):
            return Plan(True, False, True, f"by hand on {ref}: all stages")
        return Plan(
            True, False, False, f"by hand on {ref}: ends after Unit Test & Coverage"
        )
    if event == "push" and is_release_tag(ref):
        return Plan(True, False, True, f"{ref}: all stages, one image per commit")
    if event == "push" and ref == MAIN:
        return Plan(verify, False, touched, f"main: {count} since the last deployment")
    raise StepError("plan", f"no plan for {event} on {ref}")


def bases_of(
    event: Mapping[str, Any], name: str, deployed: Sequence[str | None]
) -> list[str | None]:
    """The commits that a change is compared with; None: everything is new.

    :param event: GitHub's payload of what started the run.
    :param deployed: the commits that the environments may hold something of.
    """
    if name == "pull_request":
        return [str(event["pull_request"]["base"]["sha"])]
    if name == "merge_group":
        return [str(event["merge_group"]["base_sha"])]
    before = event.get("before")
    return [*deployed, str(before)] if before else list(deployed)


def changed_files(
    bases: Iterable[str | None], head: str, runner: Runner
) -> set[str] | None:
    """Names of the files that differ from any of ``bases``, both of a renamed one.

    None where a base is unknown here (rewritten, never fetched, or there is none): then
    nothing can be left out.
    """
    found: set[str] = set()
    for base in bases:
        if not base:
            return None
        diff = ["git", "diff", "--no-renames", "--name-only", "-z", base, head]
        result = runner(diff)
        if result.code != 0:
            return None
        found.update(name for name in result.output.split("\0") if name)
    return found


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
