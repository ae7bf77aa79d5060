"""Whether a coverage report speaks about every product module."""

from __future__ import annotations

import ast
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from devtools.checks.check import PASSED, Outcome, failed

# Not product code: tests, and Odoo's manifest, which is data in Python's syntax.
_NOT_PRODUCT_FOLDERS = {"tests"}
_NOT_PRODUCT_FILES = {"__manifest__.py"}


@dataclass(frozen=True)
class CoverageCompleteness:
    """Compares ``coverage.xml`` with the modules of a Source Path.

    A module that coverage does not know is one that no threshold looks at.
    """

    source_path: Path

    def __call__(self, log: Path) -> Outcome:
        report = self.source_path / "coverage.xml"
        if not report.is_file():
            return failed("no coverage.xml")
        reported = covered_files(report)
        missing = sorted(product_modules(self.source_path) - reported)
        log.write_text("".join(f"not in coverage.xml: {name}\n" for name in missing))
        if missing:
            return failed(f"{len(missing)} modules are not in coverage.xml")
        return PASSED


def covered_files(report: Path) -> set[str]:
    """Files in a Cobertura report, relative to the folder that it lies in."""
    # Written by coverage a moment ago, no foreign XML.
    root = ElementTree.parse(report).getroot()  # nosec B314
    sources = [Path(node.text or ".") for node in root.iter("source")] or [Path(".")]
    found = set()
    for node in root.iter("class"):
        name = node.get("filename", "")
        for source in sources:
            file = report.parent / source / name
            if file.is_file() and file.is_relative_to(report.parent):
                found.add(file.relative_to(report.parent).as_posix())
    return found


def product_modules(source_path: Path) -> set[str]:
    """Python modules of a Source Path that git knows or would add, without its tests.

    A module without a statement, such as most ``__init__.py``, has nothing to cover and
    is left out.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        [*command, "--", "*.py"],
        cwd=source_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return {
        name
        for name in listed
        if not _NOT_PRODUCT_FOLDERS & set(PurePosixPath(name).parts)
        and PurePosixPath(name).name not in _NOT_PRODUCT_FILES
        and (source_path / name).is_file()
        and _has_statements(source_path / name)
    }


def _has_statements(module: Path) -> bool:
    """Whether there is more in a module than comments and a docstring."""
    body = ast.parse(module.read_text(encoding="utf-8")).body
    return len(body) > (ast.get_docstring(ast.Module(body, [])) is not None)
