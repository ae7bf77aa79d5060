"""``python -m delivery manifests``: every overlay against schemas and policy."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from delivery.manifests import check
from delivery.manifests.policy import RULES
from delivery.manifests.schemas import KUBERNETES_VERSION
from delivery.pipeline.process import run
from delivery.verdict import Outcome, Verdict

GATE = "manifests"


def main(arguments: Sequence[str]) -> int:
    """Check every overlay of every component.

    :returns: the exit status: 0 clean, 1 failed, 3 NOT CHECKED.
    :raises DeliveryError: kustomize refuses an overlay.
    """
    parser = argparse.ArgumentParser(
        prog="python -m delivery manifests", description=__doc__
    )
    parser.add_argument("root", type=Path, help="the repository")
    verdict = judge(parser.parse_args(arguments).root)
    print(verdict.render(GATE), flush=True)
    return verdict.outcome.value


def judge(root: Path) -> Verdict:
    """The verdict over all overlays.

    :raises DeliveryError: kustomize refuses an overlay.
    """
    if shutil.which("kubectl") is None:
        return Verdict(Outcome.NOT_CHECKED, "kubectl, which renders, is not on PATH")
    start = time.monotonic()
    found: list[str] = []
    objects = 0
    for environment in check.ENVIRONMENTS:
        places = {
            component: check.read(root, component, environment, run)
            for component in check.COMPONENTS
        }
        places[check.MONITORING] = check.read_monitoring(root, environment, run)
        watch = places[check.MONITORING]
        about = f"{check.MONITORING} {environment}"
        found += [f"{about}: {line}" for line in check.foreign_kinds(watch)]
        for component, deployed in places.items():
            objects += len(deployed.objects)
            about = f"{component} {environment}"
            found += [f"{about}: {line}" for line in check.problems(deployed)]
    seconds = time.monotonic() - start
    if found:
        return Verdict(Outcome.FAILED, f"{len(found)} problems", tuple(found))
    return Verdict(
        Outcome.CLEAN,
        f"{objects} objects fit Kubernetes {KUBERNETES_VERSION} and "
        f"{len(RULES)} rules, {seconds:.0f} s",
    )
