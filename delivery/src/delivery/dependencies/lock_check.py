"""Whether a lock still belongs to the requirements that it was compiled from.

Works without any package index: it proves that the lock satisfies its source, not that
a new compilation would choose the same versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from delivery.dependencies.lock import Pin, RequirementsFile, read_pins

_ADDRESS = re.compile(r"(https?|file)://", re.IGNORECASE)


def problems(source: Path) -> list[str]:
    """What is wrong with the ``.txt`` beside a ``.in`` file, one line each.

    :raises DeliveryError: when one of the two cannot be read or understood.
    """
    lock = source.with_suffix(".txt")
    pins = read_pins(lock)
    found = [
        f"{lock}: {pin.name} has no hash" for pin in pins.values() if not pin.hashes
    ]
    if _ADDRESS.search(lock.read_text(encoding="utf-8")):
        found.append(f"{lock}: holds an address; compile without emitting index URLs")
    wanted = list(_requirements(source))
    found += [
        f"{lock}: {problem}"
        for requirement in wanted
        if (problem := _unmet(requirement, pins)) is not None
    ]
    for constraint in RequirementsFile.read(source).constraints:
        found += _conflicts(lock, pins, constraint)
    return found


def _requirements(source: Path) -> Iterator[Requirement]:
    """Direct requirements of a file and of those it includes."""
    file = RequirementsFile.read(source)
    for requirement, _ in file.requirements:
        yield requirement
    for included in file.includes:
        yield from _requirements(included)


def _unmet(requirement: Requirement, pins: dict[str, Pin]) -> str | None:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    pin = pins.get(str(canonicalize_name(requirement.name)))
    if pin is None:
        return f"{requirement.name} is missing; run `make lock`"
    if not requirement.specifier.contains(pin.version, prereleases=True):
        return f"{pin.name} {pin.version} is not {requirement}; run `make lock`"
    return None


def _conflicts(lock: Path, pins: dict[str, Pin], constraint: Path) -> list[str]:
    """Packages that a constraining lock pins to another version."""
    fixed = read_pins(constraint)
    return [
        f"{lock}: {name} {pins[name].version} differs from {fixed[name].version} "
        f"in {constraint.name}; run `make lock`"
        for name in sorted(pins.keys() & fixed.keys())
        if pins[name].version != fixed[name].version
    ]
