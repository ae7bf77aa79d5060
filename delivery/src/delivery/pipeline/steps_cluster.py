"""Steps that speak to a cluster."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from delivery.pipeline import rollback, rollout
from delivery.pipeline.digest import parse_digest
from delivery.pipeline.pin import check, pin
from delivery.pipeline.process import run
from delivery.pipeline.render import KubernetesObject, images, render
from delivery.pipeline.retry import patient
from delivery.pipeline.rollout import Progress


def _pin(options: argparse.Namespace) -> int:
    overlay: Path = options.overlay
    names = (options.image, options.repository, options.digest)
    objects = pin(overlay, *names, run)
    live = rollout.live_objects(objects, "deployments", patient(run))
    scale = rollout.scaled_up(objects, live)
    if scale:
        objects = pin(overlay, *names, run, scale)
        print(f"kept the scale of the cluster: {scale}")
    print(f"{overlay} runs {', '.join(sorted(images(objects)))}")
    return 0


def _pinned(options: argparse.Namespace) -> tuple[list[KubernetesObject], str]:
    """The render of a pinned overlay and its digest."""
    objects = render(options.overlay, run)
    digest = parse_digest(options.digest)
    references = sorted(images(objects))
    repository = references[0].partition("@")[0] if references else ""
    check(objects, repository, digest)
    return objects, digest


def _schema_guard(options: argparse.Namespace) -> int:
    objects, digest = _pinned(options)
    line = rollback.guard_schema(
        objects, digest, run, time.monotonic, time.sleep, print
    )
    print(line)
    return 0


def _clear_earlier(options: argparse.Namespace) -> int:
    objects, _ = _pinned(options)
    ask = patient(run)
    jobs = [
        job
        for job in rollout.live_objects(objects, "jobs", ask)
        if job["metadata"]["labels"].get("app.kubernetes.io/component") == "migration"
    ]
    for name in rollout.clear_migrations(objects, jobs, run):
        print(f"removed the finished Job {name}")
    live = rollout.live_objects(objects, "deployments", ask)
    for name in rollout.restart_unfinished(objects, live, run):
        print(f"restarted {name}, whose last rollout has not arrived")
    return 0


def _wait(options: argparse.Namespace) -> int:
    objects, _ = _pinned(options)

    def look() -> list[Progress]:
        live = rollout.live_objects(
            objects, "deployments,statefulsets,daemonsets,jobs", run
        )
        progress = rollout.judge(objects, live)
        return progress[:1] if options.migration_only else progress

    # A local run may be less patient than the workflow.
    limit_s = float(os.environ.get("WAIT_AT_MOST_S", options.timeout_s))
    limit_s = min(limit_s, options.timeout_s)
    rollout.wait(look, limit_s, time.monotonic, time.sleep, print)
    return 0


def _check_digest(options: argparse.Namespace) -> int:
    objects, digest = _pinned(options)

    def look() -> list[Progress]:
        pods = rollout.live_objects(objects, "pods", run)
        return rollout.check_running(objects, pods, digest)

    rollout.wait(look, options.timeout_s, time.monotonic, time.sleep, print)
    return 0


def _explain(options: argparse.Namespace) -> int:
    print(rollout.diagnosis(render(options.overlay, run), run))
    return 0


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this module's steps to the command line."""
    pinning = commands.add_parser("pin", help="pin an overlay to an image by digest")
    pinning.add_argument("--image", required=True, help="name in the manifests")
    pinning.add_argument("--repository", required=True, help="registry/name")
    pinning.set_defaults(run=_pin)
    guard = commands.add_parser(
        "schema-guard", help="refuse an image that the database has moved past"
    )
    guard.set_defaults(run=_schema_guard)
    clear = commands.add_parser(
        "clear-earlier", help="clear what an earlier deployment left: Jobs, rollouts"
    )
    clear.set_defaults(run=_clear_earlier)
    waiting = commands.add_parser("wait", help="wait for all that was deployed")
    waiting.add_argument("--timeout-s", type=float, required=True)
    waiting.add_argument("--migration-only", action="store_true")
    waiting.set_defaults(run=_wait)
    running = commands.add_parser(
        "check-digest", help="prove which image runs on every workload"
    )
    running.add_argument(
        "--timeout-s",
        type=float,
        default=120.0,
        help="for pods that an autoscaler adds meanwhile (default: %(default)s)",
    )
    running.set_defaults(run=_check_digest)
    explain = commands.add_parser("explain", help="show why a deployment is stuck")
    explain.set_defaults(run=_explain)
    for parser in (pinning, guard, clear, waiting, running, explain):
        parser.add_argument("--overlay", type=Path, required=True)
    for parser in (pinning, guard, clear, waiting, running):
        parser.add_argument("--digest", required=True, help="sha256:...")
