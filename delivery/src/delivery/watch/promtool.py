"""Prometheus' own tool: it judges the grammar, and runs the tests of the rules."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from delivery.pipeline.process import run
from delivery.watch.rules import RuleFile

VARIABLE = "PROMTOOL"


@dataclass(frozen=True)
class Promtool:
    """promtool, at a path."""

    program: str

    @classmethod
    def find(cls) -> Promtool | None:
        """The one that ``$PROMTOOL`` names, else the one on ``PATH``."""
        program = os.environ.get(VARIABLE) or shutil.which("promtool")
        return cls(program) if program else None

    def check(self, files: Sequence[RuleFile], queries: dict[str, str]) -> list[str]:
        """What is wrong with the grammar of rules, and of queries by name."""
        dashboards = [
            {"record": f"query:number:{number}", "expr": _filled_in(query)}
            for number, query in enumerate(queries.values())
        ]
        group = {"groups": [{"name": "dashboards", "rules": dashboards}]}
        with _rules(files) as folder:
            (folder / "dashboards.yaml").write_text(yaml.safe_dump(group))
            names = sorted(path.name for path in folder.glob("*.yaml"))
            done = run([self.program, "check", "rules", *_paths(folder, names)])
        return _said(done.code, done.text, queries)

    def test(self, files: Sequence[RuleFile], tests: Sequence[Path]) -> list[str]:
        """Which tests of the rules fail."""
        with _rules(files) as folder:
            copies = [shutil.copy(test, folder / f"test-{test.name}") for test in tests]
            done = run([self.program, "test", "rules", *map(str, copies)])
        return _said(done.code, done.text, {})


def _filled_in(query: str) -> str:
    """A query with values in place of the dashboard's variables."""
    return query.replace("$__rate_interval", "5m").replace("$namespace", "tms")


def _paths(folder: Path, names: Sequence[str]) -> list[str]:
    return [str(folder / name) for name in names]


def _said(code: int, text: str, queries: dict[str, str]) -> list[str]:
    if code == 0:
        return []
    lines = [line.rstrip() for line in text.splitlines()]
    found = [line for line in lines if line.strip() and "SUCCESS" not in line]
    for number, name in enumerate(queries):
        mark = f'"query:number:{number}"'
        found = [line.replace(mark, name) for line in found]
    return [f"promtool: {line.strip()}" for line in found]


@contextmanager
def _rules(files: Sequence[RuleFile]) -> Iterator[Path]:
    """A folder with the rules as Prometheus reads them, each named as its object."""
    with tempfile.TemporaryDirectory(prefix="rules-") as name:
        folder = Path(name)
        for file in files:
            text = yaml.safe_dump(file.spec, sort_keys=False)
            (folder / f"{file.name}.yaml").write_text(text, encoding="utf-8")
        yield folder
