"""Where the components answer, on this machine."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from delivery.platform.errors import PlatformError
from delivery.platform.kubectl import Kubectl
from delivery.platform.local import LocalPlatform
from delivery.runner.components import Component

TIMEOUT_S = 10.0


def address(platform: LocalPlatform, component: Component, environment: str) -> str:
    """The component's URL in ``staging`` or ``production``.

    :raises PlatformError: it has none, because it was never deployed there
    """
    return platform.service_url(f"tms-{environment}", component.service, component.port)


def staging_address(
    platform: LocalPlatform, kubectl: Kubectl, component: Component, source: Path
) -> str:
    """The URL in staging, also before the first deployment.

    A cluster hands out a Service's address when the Service is made. The tests' address
    has to be known before the run starts, so a first run makes the Service beforehand,
    as the overlay describes it.
    """
    try:
        return address(platform, component, "staging")
    except PlatformError:
        overlay = source / component.source_path / "kube" / "staging"
        text = kubectl("kustomize", str(overlay), purpose=f"rendering {overlay}")
        kubectl.apply(
            list(services(text, component.service, "tms-staging")),
            f"making the Service {component.service}",
        )
        return address(platform, component, "staging")


def services(rendered: str, name: str, namespace: str) -> Iterator[dict[str, Any]]:
    """The Services of this name in a rendered overlay, put into ``namespace``."""
    for part in yaml.safe_load_all(rendered):
        if part["kind"] == "Service" and part["metadata"]["name"] == name:
            metadata = {**part["metadata"], "namespace": namespace}
            yield {**part, "metadata": metadata}


def problem(url: str) -> str:
    """What keeps ``url`` from answering 200; empty when it does."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # nosec B310
            return "" if answer.status == 200 else f"answers {answer.status}"
    except urllib.error.HTTPError as error:
        return f"answers {error.code}"
    except OSError as error:
        return f"does not answer: {error}"
