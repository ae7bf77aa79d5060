"""The machine's own Debian mirrors, read from apt's two formats of source lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_ONE_LINE = re.compile(
    r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)"
    r"\s+(?P<components>.*)$"
)


@dataclass(frozen=True)
class Source:
    """One repository that apt knows.

    :param signed_by: path of the keyring, or an armoured key itself, or empty.
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


def read_sources(apt: Path = Path("/etc/apt")) -> list[Source]:
    """Every enabled binary repository, in the order apt reads them."""
    sources: list[Source] = []
    parts = apt / "sources.list.d"
    files = [apt / "sources.list", *sorted(parts.glob("*.list"))]
    for file in files:
        if file.is_file():
            sources.extend(parse_one_line(file.read_text()))
    for file in sorted(parts.glob("*.sources")):
        sources.extend(parse_deb822(file.read_text()))
    return sources


def parse_one_line(text: str) -> Iterator[Source]:
    """Sources of a ``.list`` file: ``deb [options] URI SUITE COMPONENT...``."""
    for line in text.splitlines():
        found = _ONE_LINE.match(line.partition("#")[0].strip())
        if found is None:
            continue
        options = dict(
            pair.split("=", 1)
            for pair in (found["options"] or "").split()
            if "=" in pair
        )
        components = tuple(found["components"].split())
        signed_by = options.get("signed-by", "")
        yield Source(found["uri"], found["suite"], components, signed_by)


def parse_deb822(text: str) -> Iterator[Source]:
    """Sources of a ``.sources`` file: stanzas of fields, see sources.list(5)."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                yield Source(uri, suite, components, fields.get("signed-by", ""))


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0] in " \t" and name:
            # A lone dot stands for an empty line, as in an armoured key.
            more = line.strip()
            fields[name] += "\n" + ("" if more == "." else more)
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def debian_mirrors(sources: Iterable[Source], codename: str) -> list[Source]:
    """The sources of the distribution's own archive, most likely ones first.

    Other vendors also offer a suite of that name with a component ``main``; those that
    have the suite's ``-updates`` too, as only the archive does, come first.
    """
    known = list(sources)
    with_updates = {s.uri for s in known if s.suite == f"{codename}-updates"}
    found = {
        s.uri: s
        for s in reversed(known)
        if s.suite == codename and "main" in s.components
    }
    return sorted(reversed(found.values()), key=lambda s: s.uri not in with_updates)
