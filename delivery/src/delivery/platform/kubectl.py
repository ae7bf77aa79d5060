"""kubectl, for one kubeconfig."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.platform.commands import run
from delivery.platform.errors import PlatformError


def own_program(name: str) -> Path:
    """Return where this virtualenv has a program, if it has it."""
    return Path(sys.prefix) / "bin" / name


def find_kubectl() -> str:
    """Return the kubectl of this virtualenv, or the one on PATH."""
    own = own_program("kubectl")
    found = str(own) if own.exists() else shutil.which("kubectl")
    if not found:
        raise PlatformError(
            "kubectl is missing: install delivery/requirements-platform.txt"
        )
    return found


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl against the cluster of `kubeconfig`."""

    kubeconfig: Path

    def __call__(
        self, *words: str, purpose: str, stdin: str | None = None, timeout_s: float = 60
    ) -> str:
        """Run one command and return what it printed."""
        return run(
            [find_kubectl(), "--kubeconfig", self.kubeconfig, *words],
            purpose=purpose,
            stdin=stdin,
            timeout_s=timeout_s,
        )

    def apply(self, manifests: Sequence[dict[str, Any]], purpose: str) -> None:
        """Make the cluster hold these objects."""
        text = yaml.safe_dump_all(manifests)
        self("apply", "-f", "-", purpose=purpose, stdin=text)

    def get(self, *words: str, purpose: str) -> dict[str, Any]:
        """Return an object, or a list of them, as the API gives it."""
        text = self("get", *words, "-o", "json", purpose=purpose)
        found: dict[str, Any] = json.loads(text)
        return found

    def answers(self, *words: str) -> bool:
        """Tell whether a command succeeds now."""
        try:
            self(*words, purpose="asking the cluster", timeout_s=10)
        except PlatformError:
            return False
        return True
