"""Steps that speak to the registry."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import time
from pathlib import Path

from delivery.allow_list import read_allow_list
from delivery.pipeline import acceptance, image_gate, images, rollback, secrets
from delivery.pipeline.build import build_options
from delivery.pipeline.digest import parse_digest
from delivery.pipeline.errors import StepError
from delivery.pipeline.github import add_summary, export_masked, set_outputs
from delivery.pipeline.image_gate import Scan
from delivery.pipeline.process import json_of, run
from delivery.pipeline.releases import release_log, released_tag
from delivery.pipeline.retry import patient

SOURCE_PATHS = {
    "tms-odoo": "odoo_addons/tms_management",
    "gps-ingestion-service": "gps_ingestion_service",
}


def _find(options: argparse.Namespace) -> int:
    digest = images.find(options.repository, options.tag, patient(run))
    if digest is None and options.required:
        raise StepError(
            "no-image", f"{options.repository} holds no image tagged {options.tag}"
        )
    set_outputs({"digest": digest or ""})
    print(f"{options.repository}:{options.tag} is {digest or 'not built yet'}")
    return 0


def _released(options: argparse.Namespace) -> int:
    now = released_tag(dt.datetime.now(dt.UTC))
    tag = images.keep_as_released(options.repository, options.digest, now, run)
    print(f"{options.repository}@{options.digest} is tagged {tag}")
    return 0


def _fetch_secret(options: argparse.Namespace) -> int:
    command = ["aws", "secretsmanager", "get-secret-value", "--output", "json"]
    answer = json_of(patient(run), [*command, "--secret-id", options.secret])
    values = secrets.select(answer["SecretString"], options.pairs)
    export_masked(values)
    print(f"set for this job: {', '.join(values)}")
    return 0


def _add_tag(options: argparse.Namespace) -> int:
    images.add_tag(options.repository, options.digest, options.tag, run)
    print(f"{options.repository}@{options.digest} is tagged {options.tag}")
    return 0


def _build_options(_options: argparse.Namespace) -> int:
    set_outputs({"options": build_options(os.environ, Path.cwd())})
    return 0


def _scan(options: argparse.Namespace) -> int:
    # Of a local run the database is out of reach for good: it is asked for once.
    ask = run if acceptance.is_local(os.environ) else patient(run)
    scan = image_gate.trivy_scan(options.image, ask)
    options.output.write_text(scan.to_text(), encoding="utf-8")
    count = f"{len(scan.findings)} findings of any severity"
    print(f"{scan.scanner}: {count if scan.checked else f'NOT CHECKED: {scan.why}'}")
    return 0


def _gate(options: argparse.Namespace) -> int:
    scans = []
    if options.digest:
        scan = image_gate.ecr_scan(
            options.repository,
            parse_digest(options.digest),
            patient(run),
            options.timeout_s,
            time.monotonic,
            time.sleep,
            emulated=image_gate.is_emulated(os.environ),
            since=options.since,
        )
        scans.append(scan)
    if options.scan:
        scans.append(Scan.from_text(options.scan.read_text(encoding="utf-8")))
    allowances = read_allow_list(options.allow_list, "image")
    verdict = image_gate.decide(scans, options.repository, allowances)
    text = verdict.render("image scan")
    print(text)
    add_summary(f"```text\n{text}\n```")
    return verdict.outcome.value


def _rollback_target(options: argparse.Namespace) -> int:
    history = list(release_log(os.environ).history(options.component, "production"))
    catalogue = images.catalogue(options.repository, patient(run))
    target = rollback.choose(options.target, catalogue, history)
    outputs = {"digest": target.digest, "commit": target.commit}
    set_outputs({**outputs, "source-path": SOURCE_PATHS[options.component]})
    tried = f"{history[0].digest}, whose {history[0].kind} was a {history[0].outcome}"
    print(f"from {tried},\n  to {target.digest} of {target.commit}")
    return 0


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this module's steps to the command line."""
    find = commands.add_parser("image-find", help="digest of the image with a tag")
    find.add_argument("--tag", required=True)
    find.add_argument("--required", action="store_true", help="none is an error")
    find.set_defaults(run=_find)
    tag = commands.add_parser("image-tag", help="give an image one more tag")
    tag.add_argument("--tag", required=True)
    tag.add_argument("--digest", required=True)
    tag.set_defaults(run=_add_tag)
    released = commands.add_parser(
        "image-released", help="keep what reached production"
    )
    released.add_argument("--digest", required=True)
    released.set_defaults(run=_released)
    fetch = commands.add_parser("fetch-secret", help="keys of an entry as variables")
    fetch.add_argument("--secret", required=True, help="name in AWS Secrets Manager")
    fetch.add_argument("pairs", nargs="+", metavar="key=VARIABLE")
    fetch.set_defaults(run=_fetch_secret)
    options = commands.add_parser("build-options", help="options of docker build")
    options.set_defaults(run=_build_options)
    scan = commands.add_parser(
        "trivy-scan", help="scan an image of the local engine with Trivy"
    )
    scan.add_argument("--image", required=True)
    scan.add_argument("--output", type=Path, required=True, help="for the gate")
    scan.set_defaults(run=_scan)
    gate = commands.add_parser(
        "image-gate", help="judge an image's scans: 0 clean, 1 failed, 3 NOT CHECKED"
    )
    gate.add_argument("--digest", default="", help="read the registry's scan of it")
    gate.add_argument("--scan", type=Path, help="what trivy-scan has written")
    gate.add_argument("--allow-list", type=Path, required=True)
    gate.add_argument(
        "--since",
        type=dt.datetime.fromisoformat,
        help="when the scan was started; an earlier result does not count",
    )
    timeout_s = float(os.environ.get("SCAN_TIMEOUT_S", "900"))
    gate.add_argument("--timeout-s", type=float, default=timeout_s)
    gate.set_defaults(run=_gate)
    target = commands.add_parser("rollback-target", help="what a rollback goes to")
    target.add_argument("--component", choices=tuple(SOURCE_PATHS), required=True)
    target.add_argument("--target", required=True, help="previous, a digest or a tag")
    target.set_defaults(run=_rollback_target)
    for parser in (find, tag, released, gate, target):
        parser.add_argument("--repository", required=True, help="ECR repository")
