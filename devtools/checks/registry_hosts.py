"""Host names of package registries, which must not be in the repository.

A client's own configuration says where packages come from; a name in a lock or a script
breaks whoever uses a mirror. The well-known names are kept as hashes, so that this list
does not hold what it forbids.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from devtools.environment import clean_environment

_HASHES = Path(__file__).parent / "registry_hosts.sha256"
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)+", re.IGNORECASE)
_URL_HOST = re.compile(r"https?://(?:[^/@\s]+@)?([^/:\s'\"]+)")
_APT = ("sources.list", "sources.list.d/*.list", "sources.list.d/*.sources")
_CLIENTS = (
    ("npm", "config", "get", "registry"),
    ("python3", "-m", "pip", "config", "list"),
)


def configured_hosts() -> set[str]:
    """Hosts that this machine's own package clients are set to."""
    texts = [_output_of(command) for command in _CLIENTS]
    for pattern in _APT:
        for path in Path("/etc/apt").glob(pattern):
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
    hosts = {host.lower() for text in texts for host in _URL_HOST.findall(text)}
    return hosts - {"localhost", "127.0.0.1"}


def well_known_hashes() -> frozenset[str]:
    """SHA-256 of the names that everybody's clients are set to by default."""
    lines = _HASHES.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def registry_hosts_in(
    text: str, hosts: set[str], hashes: frozenset[str]
) -> Iterator[tuple[int, str]]:
    """Line number and name of each registry host that a text holds."""
    for number, line in enumerate(text.splitlines(), start=1):
        for name in _HOST.findall(line.lower()):
            digest = hashlib.sha256(name.encode()).hexdigest()
            if name in hosts or digest in hashes:
                yield number, name


def _output_of(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=clean_environment(),
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
