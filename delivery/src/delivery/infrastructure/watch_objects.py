"""Applies the watch over an environment to its cluster.

Terraform calls this once the cluster runs what the objects need, and again when one of
them has changed. Needs nothing but the standard library, the AWS CLI and kubectl.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import DeliveryError
from delivery.secret_entries import ENVIRONMENTS

ROOT = Path(__file__).resolve().parents[4]
#: What the watch is made of. Whoever applies it may do everything in the cluster, so
#: anything else in ``monitoring/`` (a role, a pod) would be a way to the same.
KINDS = frozenset({"ConfigMap", "PodMonitor", "Probe", "PrometheusRule"})
_KIND = re.compile(r"^kind: *(.*)$", re.M)
_METADATA = re.compile(r"^metadata:\n((?: .*\n)*)", re.M)
_NAMESPACE = re.compile(r"^  namespace: *(.*)$", re.M)


@dataclass(frozen=True)
class Cluster:
    """A cluster on EKS."""

    name: str
    region: str

    def apply(self, objects: str) -> str:
        """Apply objects, as kustomize renders them.

        The configuration of kubectl lives for this call alone: the one of whoever
        applies Terraform is neither used nor changed.

        :returns: what kubectl said.
        :raises DeliveryError: the cluster is not there, or refuses an object.
        """
        with tempfile.TemporaryDirectory(prefix="kube-") as folder:
            access = ["--kubeconfig", f"{folder}/config"]
            login = ["--region", self.region, "eks", "update-kubeconfig"]
            _run(["aws", *login, "--name", self.name, *access])
            # The dashboards are longer than the annotation that a client keeps.
            words = ["apply", "--server-side", "--force-conflicts"]
            return _run(["kubectl", *access, *words, "-f", "-"], objects)


def foreign_objects(objects: str, namespace: str) -> Iterator[str]:
    """Objects that are no part of a watch, or are in another namespace.

    :param objects: as kustomize renders them: it writes every object anew, with its own
        fields alone at the beginning of a line. What is written otherwise is foreign.
    """
    for document in re.split(r"^---$", objects, flags=re.M):
        kinds = _KIND.findall(document)
        metadata = _METADATA.findall(document)
        places = _NAMESPACE.findall(metadata[0]) if len(metadata) == 1 else []
        if len(kinds) != 1 or kinds[0] not in KINDS:
            yield f"{' and '.join(kinds) or 'an object of no kind'}: no part of a watch"
        elif places != [namespace]:
            yield f"{kinds[0]} in {' and '.join(places) or 'no namespace'}"


def render(environment: str) -> str:
    """The watch over an environment, as it may be applied.

    :raises DeliveryError: it cannot be rendered, or holds what is no watch.
    """
    objects = _run(["kubectl", "kustomize", str(ROOT / "monitoring" / environment)])
    foreign = list(foreign_objects(objects, f"tms-{environment}"))
    if foreign:
        raise DeliveryError(
            f"monitoring/{environment} holds {'; '.join(foreign)}. It may hold "
            f"{', '.join(sorted(KINDS))} in tms-{environment}: put anything else "
            "into terraform/"
        )
    return objects


def _run(command: Sequence[str], given: str = "") -> str:
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise DeliveryError(f"{command[0]} is not on PATH") from error
    if done.returncode != 0:
        said = done.stderr.strip() or "it said nothing"
        raise DeliveryError(f"{command[0]}: {said}")
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Apply the watch over one environment; answers the exit status."""
    parser = argparse.ArgumentParser(prog="watch_objects", description=__doc__)
    parser.add_argument("environment", choices=ENVIRONMENTS)
    parser.add_argument("--cluster", required=True, help="name of the cluster")
    parser.add_argument("--region", required=True, help="AWS region")
    options = parser.parse_args(arguments)
    cluster = Cluster(options.cluster, options.region)
    try:
        print(cluster.apply(render(options.environment)), end="")
    except DeliveryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
