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
    """Counts of one run of pytest, and the seconds that it took."""

    passed: int
    failed: int
    skips: tuple[Skip, ...]
    seconds: float

    @property
    def executed(self) -> int:
        """Tests that ran."""
        return self.passed + self.failed


def read_suites(paths: Iterable[Path]) -> Suite:
    """Counts over the files of one run."""
    passed = failed = 0
    seconds = 0.0
    skips: list[Skip] = []
    for path in paths:
        # Written by pytest a moment ago, no foreign XML.
        root = ElementTree.parse(path).getroot()  # nosec B314
        seconds += sum(float(suite.get("time", 0)) for suite in root.iter("testsuite"))
        # The attributes of a suite would count each subtest as well.
        for case in root.iter("testcase"):
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif skip is not None:
                name = f"{case.get('classname')}.{case.get('name')}"
                skips.append(Skip(name, skip.get("message", "no reason")))
            else:
                passed += 1
    return Suite(passed, failed, tuple(skips), seconds)
