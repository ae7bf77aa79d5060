"""Hash-pinned requirements files, as pip-compile writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from delivery.errors import DeliveryError

_HASH = re.compile(r"\s--hash=(\S+)")
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True)
class Pin:
    """One locked package.

    :param name: normalised name.
    :param applies: whether its environment marker holds for this interpreter.
    :param hashes: accepted archives, as ``algorithm:digest``.
    """

    name: str
    version: str
    applies: bool
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class RequirementsFile:
    """The requirements of a file, and the files that it names.

    :param includes: targets of ``-r``, relative to the file.
    :param constraints: targets of ``-c``, relative to the file.
    """

    path: Path
    requirements: tuple[tuple[Requirement, tuple[str, ...]], ...]
    includes: tuple[Path, ...]
    constraints: tuple[Path, ...]

    @classmethod
    def read(cls, path: Path) -> RequirementsFile:
        """Parse a requirements file.

        :raises DeliveryError: when it is missing or a line cannot be understood.
        """
        requirements: list[tuple[Requirement, tuple[str, ...]]] = []
        named: dict[str, list[Path]] = {"-r": [], "-c": []}
        for line in _logical_lines(path):
            option, _, target = line.partition(" ")
            if option in named:
                named[option].append(path.parent / target.strip())
            elif option.startswith("-"):
                raise DeliveryError(f"{path}: take out the option {option}")
            else:
                requirements.append(_requirement(path, line))
        return cls(path, tuple(requirements), tuple(named["-r"]), tuple(named["-c"]))


def read_pins(path: Path) -> dict[str, Pin]:
    """Pins of a lock by name.

    :raises DeliveryError: when a line is not ``name==version``.
    """
    pins: dict[str, Pin] = {}
    for requirement, hashes in RequirementsFile.read(path).requirements:
        specifiers = list(requirement.specifier)
        if len(specifiers) != 1 or specifiers[0].operator != "==":
            raise DeliveryError(f"{path}: {requirement.name} is not pinned with ==")
        name = str(canonicalize_name(requirement.name))
        applies = requirement.marker is None or requirement.marker.evaluate()
        pins[name] = Pin(name, specifiers[0].version, applies, hashes)
    return pins


def _logical_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeliveryError(f"cannot read {path}: {error.strerror}") from error
    joined = text.replace("\\\n", " ")
    lines = (_COMMENT.sub("", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _requirement(path: Path, line: str) -> tuple[Requirement, tuple[str, ...]]:
    hashes = tuple(_HASH.findall(line))
    try:
        return Requirement(_HASH.sub("", line)), hashes
    except InvalidRequirement as error:
        raise DeliveryError(f"{path}: {error}".splitlines()[0]) from error
