"""Applies the watch over an environment to its cluster.

Terraform calls this once the cluster runs what the objects need, and again when one of
them has changed. Needs nothing but the standard library, the AWS CLI and kubectl.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import DeliveryError
from delivery.secret_entries import ENVIRONMENTS

ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class Cluster:
    """A cluster on EKS."""

    name: str
    region: str

    def apply(self, overlay: Path) -> str:
        """Apply a kustomize overlay.

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
            return _run(["kubectl", *access, *words, "-k", str(overlay)])


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
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
        print(cluster.apply(ROOT / "monitoring" / options.environment), end="")
    except DeliveryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
