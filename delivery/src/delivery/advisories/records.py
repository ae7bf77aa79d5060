"""Advisory records in OSV's YAML form, such as the Python Packaging Advisory Database.

Format: Open Source Vulnerability schema 1.x (``affected``, ``ranges``, ``events``).
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from delivery.errors import DeliveryError

Record = dict[str, Any]

_STAMP = re.compile(r"^(?:modified|published):\s*['\"]?(\d{4}-\d{2}-\d{2})", re.M)
# The base loader leaves every scalar a string: no version becomes a float, no time a
# date, and what is served is what the record says.
# It makes no objects either.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NULLS = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True)
class AdvisoryDatabase:
    """Advisory records by package.

    :param texts: YAML of each record, by the package's normalised name.
    :param newest: day of the newest change of any record.
    """

    texts: dict[str, tuple[str, ...]]
    newest: date

    @classmethod
    def open(cls, source: Path) -> AdvisoryDatabase:
        """Read the records of a folder or of a tar archive.

        :param source: the folder (or archive) that holds ``vulns/``, or one folder per
            package with ``*.yaml`` in it.
        :raises DeliveryError: when there is no dated record in it.
        """
        texts: dict[str, tuple[str, ...]] = {}
        stamps: list[str] = []
        for package, text in _read(source):
            name = str(canonicalize_name(package))
            texts[name] = (*texts.get(name, ()), text)
            stamps += _STAMP.findall(text)
        if not stamps:
            raise DeliveryError(
                f"no advisory record in {source}: give the folder that holds vulns/, "
                "or package folders of *.yaml records"
            )
        return cls(texts, date.fromisoformat(max(stamps)))

    @property
    def size(self) -> int:
        """Number of records."""
        return sum(len(records) for records in self.texts.values())

    def matching(self, package: str, version: str) -> list[Record]:
        """Records that affect this version of a package, withdrawn ones left out.

        :raises DeliveryError: when a record of the package is not valid YAML.
        """
        name = str(canonicalize_name(package))
        records = (_parse(name, text) for text in self.texts.get(name, ()))
        return [
            record
            for record in records
            if record.get("withdrawn", "") in _NULLS and affects(record, name, version)
        ]


def affects(record: Record, package: str, version: str) -> bool:
    """Whether a record names this version, in its list or in one of its ranges."""
    name = canonicalize_name(package)
    return any(
        version in affected.get("versions", ())
        or any(_in_range(entry, version) for entry in affected.get("ranges", ()))
        for affected in record.get("affected", ())
        if canonicalize_name(affected["package"]["name"]) == name
    )


def _in_range(entry: Record, version: str) -> bool:
    """OSV's evaluation of a range: events in order of version, the last one counts."""
    if entry.get("type") not in ("ECOSYSTEM", "SEMVER"):
        return False
    try:
        here = Version(version)
        events = sorted(
            (Version(text), kind)
            for event in entry["events"]
            for kind, text in event.items()
        )
    except InvalidVersion:
        # A version outside PEP 440 can be matched by the record's list only.
        return False
    inside = False
    for edge, kind in events:
        if kind == "introduced" and here >= edge:
            inside = True
        elif (
            kind == "fixed" and here >= edge or kind == "last_affected" and here > edge
        ):
            inside = False
    return inside


def _parse(package: str, text: str) -> Record:
    try:
        # The base loader makes lists, mappings and texts, never objects.
        record: Record = yaml.load(text, Loader=_LOADER)  # nosec B506
    except yaml.YAMLError as error:
        raise DeliveryError(
            f"an advisory record of {package} is not YAML: {error}"
        ) from error
    return record


def _read(source: Path) -> Iterator[tuple[str, str]]:
    """Pairs of package and record text, the package taken from the record's folder."""
    if source.is_dir():
        for path in sorted(source.rglob("*.yaml")):
            yield path.parent.name, path.read_text(encoding="utf-8")
    elif source.is_file():
        yield from _read_archive(source)
    else:
        raise DeliveryError(f"no advisories at {source}: no such file or folder")


def _read_archive(source: Path) -> Iterator[tuple[str, str]]:
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None and path.suffix == ".yaml":
                    yield path.parent.name, content.read().decode("utf-8")
    except (tarfile.TarError, EOFError) as error:
        raise DeliveryError(f"{source} is not a tar archive: {error}") from error
