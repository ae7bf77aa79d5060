"""What must not be in any file of the repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from devtools.checks.check import PASSED, Outcome, failed
from devtools.checks.registry_hosts import (
    configured_hosts,
    registry_hosts_in,
    well_known_hashes,
)
from devtools.checks.repository import Repository

MAX_LINES = 500
# Code and prose that people read; locks and data are not written by hand.
_READ_BY_PEOPLE = {".py", ".js", ".mjs", ".xml", ".scss", ".css", ".sh", ".md", ".yml"}
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_ELSEWHERE = re.compile(r"^([a-z][a-z0-9+.-]*:|#|//)", re.IGNORECASE)

# Forms that only a secret has; written in parts, or this file would hold them.
_SECRETS = {
    "a private key": re.compile("-----BEGIN " + r"(?:[A-Z]+ )*PRIVATE KEY-----"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)" + r"[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_|github_pat_)" + r"\w{30,}"),
    "a Slack token": re.compile(r"\bxox[abprs]-" + r"[0-9A-Za-z-]{10,}"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,}\." + r"eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a password in a URL": re.compile(r"\b[a-z]+://[\w.-]+:" + r"[\w.~%-]{8,}@[\w.-]+"),
}

Finder = Callable[[Repository], Iterator[str]]


@dataclass(frozen=True)
class HygieneCheck:
    """Fails with every finding of one kind, each with its place.

    :param hint: what to do about them.
    """

    repository: Repository
    find: Finder
    hint: str

    def __call__(self, log: Path) -> Outcome:
        findings = list(self.find(self.repository))
        log.write_text("".join(f"{finding}\n" for finding in findings))
        return failed(f"{len(findings)} found; {self.hint}") if findings else PASSED


def long_files(repository: Repository) -> Iterator[str]:
    """Files too long to be read in one go."""
    for path, text in repository.texts():
        count = text.count("\n")
        if path.suffix in _READ_BY_PEOPLE and count > MAX_LINES:
            yield f"{path}: {count} lines"


def dead_links(repository: Repository) -> Iterator[str]:
    """Links of Markdown pages to files that are not there."""
    for path, text in repository.texts():
        if path.suffix != ".md":
            continue
        for target in _LINK.findall(_FENCED.sub("", text)):
            file = unquote(target.partition("#")[0])
            if _ELSEWHERE.match(target):
                continue
            base = repository.root if file.startswith("/") else path.parent
            if not (repository.root / base / file.lstrip("/")).exists():
                yield f"{path}: {target}"


def secrets(repository: Repository) -> Iterator[str]:
    """Texts of a form that only secrets have; the secret itself is not shown."""
    for path, text in repository.texts():
        for what, pattern in _SECRETS.items():
            for found in pattern.finditer(text):
                number = text.count("\n", 0, found.start()) + 1
                yield f"{path}:{number}: {what}"


def registry_hosts(repository: Repository) -> Iterator[str]:
    """Names of package registries."""
    hosts, hashes = configured_hosts(), well_known_hashes()
    for path, text in repository.texts():
        for number, name in registry_hosts_in(text, hosts, hashes):
            yield f"{path}:{number}: {name}"
