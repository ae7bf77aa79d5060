"""Steps that speak to the registry."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from delivery.pipeline import image_gate, images, rollback
from delivery.pipeline.allow_list import read_allow_list
from delivery.pipeline.build import build_options
from delivery.pipeline.digest import parse_digest
from delivery.pipeline.errors import EXIT_CODES, DeliveryError
from delivery.pipeline.github import add_summary, set_outputs
from delivery.pipeline.process import run
from delivery.pipeline.releases import release_log


def _find(options: argparse.Namespace) -> int:
    digest = images.find(options.repository, options.tag, run)
    if digest is None and options.required:
        raise DeliveryError(
            "no-image", f"{options.repository} holds no image tagged {options.tag}"
        )
    set_outputs({"digest": digest or ""})
    print(f"{options.repository}:{options.tag} is {digest or 'not built yet'}")
    return 0


def _add_tag(options: argparse.Namespace) -> int:
    images.add_tag(options.repository, options.digest, options.tag, run)
    print(f"{options.repository}@{options.digest} is tagged {options.tag}")
    return 0


def _build_options(_options: argparse.Namespace) -> int:
    set_outputs({"options": build_options(os.environ)})
    return 0


def _gate(options: argparse.Namespace) -> int:
    scans = []
    if options.digest:
        scan = image_gate.ecr_scan(
            options.repository,
            parse_digest(options.digest),
            run,
            options.timeout_s,
            time.monotonic,
            time.sleep,
            emulated=image_gate.is_emulated(os.environ),
        )
        scans.append(scan)
    if options.local_image:
        scans.append(image_gate.trivy_scan(options.local_image, run))
    allowed = read_allow_list(
        options.allow_list, options.repository, image_gate.today()
    )
    decision = image_gate.decide(scans, allowed)
    title = f"image scan: {decision.verdict.value.upper().replace('-', ' ')}"
    print("\n".join([*(f"  {line}" for line in decision.lines), title]))
    add_summary("\n".join([f"**{title}**", "", *(f"- {x}" for x in decision.lines)]))
    return EXIT_CODES[decision.verdict]


def _rollback_target(options: argparse.Namespace) -> int:
    last = release_log(os.environ).last(options.component, "production")
    running = last.digest if last else ""
    catalogue = images.catalogue(options.repository, run)
    digest = rollback.choose(options.target, catalogue, running)
    set_outputs({"digest": digest})
    print(f"rolling {options.component} back from {running or 'nothing'} to {digest}")
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
    options = commands.add_parser("build-options", help="options of docker build")
    options.set_defaults(run=_build_options)
    gate = commands.add_parser(
        "image-gate", help="judge an image's scans: 0 clean, 1 failed, 3 NOT CHECKED"
    )
    gate.add_argument("--digest", default="", help="read the registry's scan of it")
    gate.add_argument("--local-image", default="", help="scan it with Trivy")
    gate.add_argument("--allow-list", type=Path, required=True)
    gate.add_argument("--timeout-s", type=float, default=900.0)
    gate.set_defaults(run=_gate)
    target = commands.add_parser("rollback-target", help="what a rollback goes to")
    target.add_argument("--component", required=True)
    target.add_argument("--target", required=True, help="previous, a digest or a tag")
    target.set_defaults(run=_rollback_target)
    for parser in (find, tag, gate, target):
        parser.add_argument("--repository", required=True, help="ECR repository")
