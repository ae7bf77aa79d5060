"""Production Approval: one decision, by a listed approver, for one digest.

On GitHub the environment ``production`` asks its required reviewers, and no job reaches
the production role without them; here it is only checked that this gate is armed. In a
run on a machine of one's own the gate below waits for a decision of the same shape and
fails closed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.pipeline.digest import parse_digest
from delivery.pipeline.errors import StepError

APPROVED = "approved"
POLL_S = 1.0


@dataclass(frozen=True)
class Request:
    """What an approver is asked, and decides about.

    :param actor: who started the run, and therefore may not approve it.
    :param unchecked: gates that ended NOT CHECKED and were accepted so far.
    """

    environment: str
    component: str
    digest: str
    commit: str
    run: str
    actor: str
    kind: str = "release"
    unchecked: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The request as it lies in the inbox."""
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"

    @property
    def fingerprint(self) -> str:
        """What a decision must quote: it counts for this very request only."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()


@dataclass(frozen=True)
class Decision:
    """What an approver answered."""

    by: str
    decision: str
    digest: str
    request: str
    comment: str = ""
    scripted: bool = False


def read_approvers(policy: Path, environment: str) -> tuple[str, ...]:
    """Who may approve for ``environment``.

    :raises StepError: the policy names nobody
    """
    try:
        document = json.loads(policy.read_text(encoding="utf-8"))
        approvers = tuple(document[environment]["approvers"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            "approval-policy", f"{policy} names no approvers of {environment}"
        ) from error
    if not approvers or not all(isinstance(name, str) and name for name in approvers):
        raise StepError(
            "approval-policy", f"{policy} names no approvers of {environment}"
        )
    return approvers


def check(request: Request, text: str, approvers: Sequence[str]) -> Decision:
    """Accept the decision in ``text``, or refuse it with the reason.

    :raises StepError: it is anything but a listed approver's yes to this request
    """
    try:
        decision = Decision(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise _refused(f"the decision cannot be read: {error}") from error
    if decision.by not in approvers:
        raise _refused(f"{decision.by} may not approve {request.environment}")
    if decision.by == request.actor:
        raise _refused(f"{decision.by} started this run and may not approve it")
    if decision.digest != request.digest:
        raise _refused(f"the decision is for {decision.digest}, not {request.digest}")
    if decision.request != request.fingerprint:
        raise _refused("the decision is for another request")
    if decision.decision != APPROVED:
        raise _refused(f"{decision.by} decided {decision.decision}: {decision.comment}")
    return decision


def _refused(why: str) -> StepError:
    return StepError("not-approved", why)


@dataclass(frozen=True)
class Inbox:
    """A folder of requests and decisions, one folder per run."""

    folder: Path

    def _place(self, request: Request) -> Path:
        return self._run(request.run) / f"{request.component}-{request.environment}"

    def _run(self, run: str) -> Path:
        if not run or "/" in run or run.startswith("."):
            raise StepError("approval-run", f"{run!r} is not a run's id")
        return self.folder / run

    def ask(self, request: Request) -> None:
        """Put the request into the inbox.

        :raises StepError: another one lies there, or an answer before its question
        """
        place = self._place(request)
        place.mkdir(parents=True, exist_ok=True)
        if (place / "decision.json").exists():
            raise _refused("a decision lies there before it was asked for")
        _write_once(place / "request.json", request.to_text())

    def pending(self, run: str) -> list[Request]:
        """The undecided requests of ``run``."""
        waiting = []
        for path in sorted(self._run(run).glob("*/request.json")):
            if not (path.parent / "decision.json").exists():
                document = json.loads(path.read_text(encoding="utf-8"))
                document["unchecked"] = tuple(document["unchecked"])
                waiting.append(Request(**document))
        return waiting

    def decide(self, request: Request, decision: Decision) -> None:
        """Put the decision into the inbox; the first one stands."""
        text = json.dumps(dataclasses.asdict(decision), indent=2) + "\n"
        _write_once(self._place(request) / "decision.json", text)

    def verify(self, request: Request, approvers: Sequence[str]) -> Decision:
        """The decision on ``request``.

        :raises StepError: there is none, or it is not a yes to this request
        """
        place = self._place(request)
        try:
            asked = (place / "request.json").read_text(encoding="utf-8")
            answer = (place / "decision.json").read_text(encoding="utf-8")
        except OSError as error:
            raise _refused("nobody has decided") from error
        if asked != request.to_text():
            raise _refused("what was asked is not what is being deployed")
        return check(request, answer, approvers)

    def wait(
        self,
        request: Request,
        approvers: Sequence[str],
        timeout_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> Decision:
        """Wait for a decision.

        :raises StepError: it is not a yes, or none came within ``timeout_s``
        """
        deadline = clock() + timeout_s
        answer = self._place(request) / "decision.json"
        while not answer.exists():
            if clock() >= deadline:
                raise _refused(f"no decision in {timeout_s:.0f} s")
            sleep(POLL_S)
        return self.verify(request, approvers)


def _write_once(path: Path, text: str) -> None:
    """Write a whole file under a name that is not taken; it appears complete."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    try:
        os.link(draft, path)
    except FileExistsError as error:
        raise _refused(f"{path.name} is there already, and stands") from error
    finally:
        draft.unlink()


def check_armed(
    environment: Mapping[str, Any], digest: str, approvers: Sequence[str]
) -> tuple[str, ...]:
    """The reviewers that GitHub will ask before production; proves the gate exists.

    :param environment: GitHub's description of the environment.
    :param approvers: who they must be, the logins of people or the slugs of teams.
    :raises StepError: nobody would be asked, or others, or people could approve their
        own run, or administrators could go past the question
    """
    parse_digest(digest)
    name = environment.get("name", "")
    # What GitHub does not say, it does not promise.
    if environment.get("can_admins_bypass") is not False:
        raise StepError(
            "gate-open-to-admins",
            f"administrators may bypass the reviewers of {name!r}: switch off *Allow "
            "administrators to bypass configured protection rules* under Settings > "
            "Environments, as terraform/github does",
        )
    for rule in environment.get("protection_rules", []):
        if rule.get("type") != "required_reviewers":
            continue
        reviewers = tuple(
            item["reviewer"].get("login") or item["reviewer"].get("slug", "")
            for item in rule.get("reviewers", [])
        )
        if not reviewers or not rule.get("prevent_self_review"):
            continue
        if set(reviewers) != set(approvers):
            raise StepError(
                "other-approvers",
                f"GitHub would ask {', '.join(reviewers)} about {name!r}, and the "
                f"approvers are {', '.join(approvers)}: set the environment's "
                "reviewers by terraform/github, or have .github/approvers.json "
                "reviewed",
            )
        return reviewers
    raise StepError(
        "gate-not-armed",
        f"the environment {name!r} must have required reviewers and prevent "
        "self-review: set it under Settings > Environments (a private repository "
        "needs GitHub Enterprise for it)",
    )


def approver_of(reviews: Sequence[Mapping[str, Any]], environment: str) -> str:
    """Who approved ``environment`` in a run, by GitHub's review history.

    The history says neither when nor for which attempt: of a run that was started again
    each approver is named.

    :raises StepError: nobody did
    """
    approvers = {
        str(review["user"]["login"]): None
        for review in reviews
        if review.get("state") == APPROVED
        and environment in [item.get("name") for item in review.get("environments", [])]
    }
    if approvers:
        return ", ".join(approvers)
    raise _refused(f"GitHub knows of no approval for {environment} in this run")
