"""Whether installed packages run on the oldest Python that is promised to work.

A lock compiled on one patch release can hold a package that refuses an older one, and
pip says so on that machine only.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from delivery.errors import DeliveryError


def unsupported(virtualenvs: Iterable[Path], python: str) -> list[str]:
    """Packages that refuse a version of Python, one line each.

    :param virtualenvs: folders of virtualenvs with the packages to look at.
    :param python: full version, such as ``3.11.2``.
    :raises DeliveryError: when a folder holds no package.
    """
    found = []
    for folder in virtualenvs:
        places = [str(path) for path in folder.glob("lib/python3*/site-packages")]
        packages = list(distributions(path=places)) if places else []
        if not packages:
            raise DeliveryError(f"{folder} is no virtualenv with packages")
        for package in packages:
            # None where a package names no version, which its type does not say.
            wanted = str(package.metadata["Requires-Python"] or "")
            if not _permits(wanted, python):
                about = f"{package.name} {package.version} needs Python {wanted}"
                found.append(f"{folder.name}: {about}, not {python}")
    return sorted(found)


def _permits(wanted: str, python: str) -> bool:
    try:
        return SpecifierSet(wanted).contains(python)
    except InvalidSpecifier:
        # pip cannot read it either, and installs the package everywhere.
        return True
