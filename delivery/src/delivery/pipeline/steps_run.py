"""Steps about the run itself: its plan, its approval, its record."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import subprocess
import time
from pathlib import Path

from delivery.pipeline import (
    acceptance,
    ancestry,
    approval,
    change_plan,
    issues,
    releases,
)
from delivery.pipeline.change_plan import Plan, Stage
from delivery.pipeline.digest import parse_digest
from delivery.pipeline.errors import StepError
from delivery.pipeline.github import GitHub, add_summary, set_outputs
from delivery.pipeline.process import run, stream
from delivery.pipeline.retry import Policy, retry

SHELL = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")


def _retry(options: argparse.Namespace) -> int:
    policy = Policy.of_job(os.environ, options.attempts)
    command = [*SHELL, options.script]
    # Machines' clocks differ a little.
    since = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    result = retry(command, stream, policy, time.sleep, print, options.accept)
    if options.accept:
        if re.search(options.accept, result.text):
            since -= dt.timedelta(hours=24)
        set_outputs({"since": since.isoformat()})
    return result.code


def _settle(options: argparse.Namespace) -> int:
    done = subprocess.run(options.command, check=False)
    code, line = acceptance.settle(options.gate, done.returncode, os.environ)
    if line:
        print(line)
        add_summary(f"**{line.rpartition('::')[2]}**")
    accepted = code == 0 and done.returncode != 0
    set_outputs({"unchecked": options.gate if accepted else ""})
    return code


def _plan(options: argparse.Namespace) -> int:
    name, ref = os.environ["GITHUB_EVENT_NAME"], os.environ["GITHUB_REF"]
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))
    deployed: list[str | None] = [None]
    if name == "push" and ref == change_plan.MAIN:
        log = releases.release_log(os.environ)
        deployed = releases.deployed_commits(log, options.component)
    if change_plan.is_release_tag(ref):
        ancestry.refuse_off_main(os.environ["GITHUB_SHA"], ref, run)
    bases = change_plan.bases_of(event, name, deployed)
    changed = change_plan.changed_files(bases, os.environ["GITHUB_SHA"], run)
    change = None
    if changed is not None:
        change = change_plan.what_matters(sorted(changed), options.source_path)
    result = change_plan.plan(name, ref, change)
    set_outputs({"plan": result.to_json()})
    add_summary(f"Plan: {result.why}")
    print(result.why)
    return 0


def _refuse_older(options: argparse.Namespace) -> int:
    log = releases.release_log(os.environ)
    last = releases.last_success(log, options.component, options.environment)
    commit, deployed = os.environ["GITHUB_SHA"], last.commit if last else None
    print(ancestry.refuse_older(commit, deployed, options.environment, run))
    return 0


def _required(options: argparse.Namespace) -> int:
    results = {
        job: outcome["result"] for job, outcome in json.loads(options.needs).items()
    }
    stages: dict[str, Stage | None] = {}
    for pair in options.jobs:
        job, _, stage = pair.partition("=")
        stages[job] = Stage(stage) if stage else None
    if results.get("plan") != "success":
        raise StepError("required", "there is no plan, so nothing was checked")
    problems = change_plan.judge_results(Plan.from_json(options.plan), results, stages)
    if problems:
        raise StepError("required", "; ".join(problems))
    print("every check that the plan wants has passed")
    return 0


def _request(options: argparse.Namespace) -> approval.Request:
    return approval.Request(
        environment="production",
        component=options.component,
        digest=parse_digest(options.digest),
        commit=os.environ["GITHUB_SHA"],
        run=os.environ["GITHUB_RUN_ID"],
        actor=os.environ["GITHUB_ACTOR"],
        kind=options.kind,
        unchecked=tuple(name for name in options.unchecked.split(",") if name),
    )


def _inbox() -> approval.Inbox:
    folder = os.environ.get("LOCAL_APPROVALS_DIR")
    if not folder:
        raise StepError(
            "approval-inbox", "LOCAL_APPROVALS_DIR must name the folder of approvals"
        )
    return approval.Inbox(Path(folder))


def _approval_armed(options: argparse.Namespace) -> int:
    github = GitHub.from_environment(os.environ)
    reviewers = approval.check_armed(
        github.get("environments/production"),
        options.digest,
        approval.read_approvers(options.policy, "production"),
    )
    line = f"{', '.join(reviewers)} will be asked about {options.digest}"
    add_summary(f"**Production Approval**: {line}")
    print(line)
    return 0


def _approval_wait(options: argparse.Namespace) -> int:
    request = _request(options)
    approvers = approval.read_approvers(options.policy, request.environment)
    inbox = _inbox()
    inbox.ask(request)
    print(
        f"waiting for one of {', '.join(approvers)}:\n{request.to_text()}", flush=True
    )
    timeout_s = float(os.environ.get("APPROVAL_TIMEOUT_S", "600"))
    decision = inbox.wait(request, approvers, timeout_s, time.monotonic, time.sleep)
    how = " (scripted: shows no separation of duties)" if decision.scripted else ""
    print(f"approved by {decision.by}{how} {decision.comment}".rstrip())
    return 0


def _approval_check(options: argparse.Namespace) -> int:
    if acceptance.is_local(os.environ):
        request = _request(options)
        approvers = approval.read_approvers(options.policy, request.environment)
        decision = _inbox().verify(request, approvers)
        name, scripted = decision.by, decision.scripted
    else:
        github = GitHub.from_environment(os.environ)
        reviews = github.get(f"actions/runs/{os.environ['GITHUB_RUN_ID']}/approvals")
        name, scripted = approval.approver_of(reviews, "production"), False
    set_outputs({"approver": name, "scripted": str(scripted).lower()})
    print(f"approved by {name}")
    return 0


def _approve(options: argparse.Namespace) -> int:
    inbox = _inbox()
    waiting = inbox.pending(options.run_id)
    if len(waiting) != 1:
        raise StepError(
            "approval-request", f"run {options.run_id} has {len(waiting)} open requests"
        )
    answer = approval.Decision(
        by=options.approver,
        decision="rejected" if options.reject else approval.APPROVED,
        digest=waiting[0].digest,
        request=waiting[0].fingerprint,
        comment=options.comment,
        scripted=options.scripted,
    )
    inbox.decide(waiting[0], answer)
    return 0


def _record(options: argparse.Namespace) -> int:
    release = releases.Release(
        component=options.component,
        environment=options.environment,
        digest=parse_digest(options.digest),
        commit=options.commit or os.environ["GITHUB_SHA"],
        kind=options.kind,
        outcome=releases.outcome_of(options.outcome),
        run=os.environ["GITHUB_RUN_ID"],
        actor=os.environ["GITHUB_ACTOR"],
        finished_at=releases.timestamp(dt.datetime.now(dt.UTC)),
        approved_by=options.approved_by,
        scripted=options.scripted == "true",
        unchecked=tuple(name for name in options.unchecked.split(",") if name),
    )
    releases.release_log(os.environ).record(release)
    document = json.dumps(release.to_json(), indent=2)
    print(document)
    add_summary(f"```json\n{document}\n```")
    return 0


def _deployed(options: argparse.Namespace) -> int:
    log = releases.release_log(os.environ)
    last = releases.last_success(log, options.component, options.environment)
    found = (last.digest, last.commit) if last else ("", "")
    set_outputs(dict(zip(("digest", "commit"), found, strict=True)))
    if last is None:
        print(f"::notice::nothing of {options.component} was ever deployed")
        return 0
    print(f"{options.environment} runs {last.digest}")
    return 0


def _open_issue(options: argparse.Namespace) -> int:
    github = GitHub.from_environment(os.environ)
    owners = [name for name in options.assign.split(",") if name]
    about = (options.title, options.body, options.label, owners)
    print(f"told in {issues.tell(github, *about)}")
    return 0


def _approval_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    armed = commands.add_parser("approval-armed", help="prove that GitHub will ask")
    armed.add_argument("--digest", required=True)
    armed.add_argument("--policy", type=Path, required=True)
    armed.set_defaults(run=_approval_armed)
    for name, function, text in (
        ("approval-wait", _approval_wait, "ask, and wait for the decision (local)"),
        ("approval-check", _approval_check, "who approved this, or an error"),
    ):
        parser = commands.add_parser(name, help=text)
        parser.add_argument("--component", required=True)
        parser.add_argument("--digest", required=True)
        parser.add_argument("--kind", default="release")
        parser.add_argument("--unchecked", default="")
        parser.add_argument("--policy", type=Path, required=True)
        parser.set_defaults(run=function)
    decide = commands.add_parser("approve", help="decide on a run's request (local)")
    decide.add_argument("--run-id", required=True)
    decide.add_argument("--as", dest="approver", required=True, metavar="APPROVER")
    decide.add_argument("--reject", action="store_true")
    decide.add_argument("--comment", default="")
    decide.add_argument("--scripted", action="store_true")
    decide.set_defaults(run=_approve)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this module's steps to the command line."""
    again = commands.add_parser("retry", help="run a script, retry transport failures")
    again.add_argument("--attempts", type=int, default=4)
    again.add_argument(
        "--accept",
        default="",
        help="failure that counts as success; `since` is then a day ago",
    )
    again.add_argument("script")
    again.set_defaults(run=_retry)
    settle = commands.add_parser("settle", help="run a gate, settle NOT CHECKED")
    settle.add_argument("--gate", choices=acceptance.GATES, required=True)
    settle.add_argument("command", nargs="+")
    settle.set_defaults(run=_settle)
    plan = commands.add_parser("plan", help="what this run has to do")
    plan.add_argument("--component", required=True)
    plan.add_argument("--source-path", required=True)
    plan.set_defaults(run=_plan)
    required = commands.add_parser("required", help="the check that protects main")
    required.add_argument("--plan", required=True)
    required.add_argument("--needs", required=True, help="the needs context as JSON")
    required.add_argument("jobs", nargs="+", metavar="JOB[=STAGE]")
    required.set_defaults(run=_required)
    _approval_commands(commands)
    record = commands.add_parser("release-record", help="record a deployment")
    for name in ("component", "environment", "digest", "kind", "outcome"):
        record.add_argument(f"--{name}", required=True)
    for name in ("commit", "approved-by", "scripted", "unchecked"):
        record.add_argument(f"--{name}", default="")
    record.set_defaults(run=_record)
    deployed = commands.add_parser("deployed", help="what was deployed last")
    deployed.set_defaults(run=_deployed)
    older = commands.add_parser(
        "refuse-older", help="refuse a release that is older than the one before it"
    )
    older.set_defaults(run=_refuse_older)
    for parser in (deployed, older):
        parser.add_argument("--component", required=True)
        parser.add_argument("--environment", required=True)
    issue = commands.add_parser("open-issue", help="tell people of a failure")
    for name in ("title", "body", "label"):
        issue.add_argument(f"--{name}", required=True)
    issue.add_argument("--assign", default="", help="logins, by commas")
    issue.set_defaults(run=_open_issue)
