"""Digests of files: what a step that can be skipped was made from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

_SKIPPED = {"__pycache__", "node_modules", ".pytest_cache", ".mypy_cache"}


def digest_texts(*texts: str) -> str:
    """Digest of several texts, in order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text)}:".encode() + text.encode())
    return digest.hexdigest()


def digest_files(files: Iterable[Path]) -> str:
    """Digest of the contents of files, in order.

    :raises FileNotFoundError: when one is missing.
    """
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{len(content)}:".encode() + content)
    return digest.hexdigest()


def digest_folder(folder: Path, without: Iterable[str] = ()) -> str:
    """Digest of the names and contents of all files of a Python package's folder.

    :param without: names of folders directly in ``folder`` that do not count. Neither
        do files directly in it that are no Python: locks, settings, a README.
    """
    left_out = set(without)
    digest = hashlib.sha256()
    for parent, names, files in os.walk(folder):
        top = Path(parent) == folder
        names[:] = sorted(
            name
            for name in names
            if name not in _SKIPPED and not (top and name in left_out)
        )
        for name in sorted(files):
            if name.endswith(".pyc") or (top and not name.endswith(".py")):
                continue
            path = Path(parent) / name
            content = path.read_bytes()
            head = f"{path.relative_to(folder)}\0{len(content)}\0"
            digest.update(head.encode() + content)
    return digest.hexdigest()
