"""JUnit XML as pytest writes it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Skip:
    """A test that did not run to its end, skipped or expected to fail."""

    test: str
    reason: str

    def __str__(self) -> str:
        return f"{self.test} ({self.reason})"


@dataclass(frozen=True)
class Suite:
    """Counts of one run of pytest."""

    passed: int
    failed: int
    skips: tuple[Skip, ...]

    @property
    def executed(self) -> int:
        """Tests that ran."""
        return self.passed + self.failed


def read_suites(paths: Iterable[Path]) -> Suite:
    """Counts over the files of one run."""
    passed = failed = 0
    skips: list[Skip] = []
    for path in paths:
        # Written by pytest a moment ago, no foreign XML.
        for case in ElementTree.parse(path).getroot().iter("testcase"):  # nosec B314
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif skip is not None:
                name = f"{case.get('classname')}.{case.get('name')}"
                skips.append(Skip(name, skip.get("message", "no reason")))
            else:
                passed += 1
    return Suite(passed, failed, tuple(skips))
