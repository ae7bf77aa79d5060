"""Stands in for programs that only root may run, or that take minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delivery.platform.errors import PlatformError

Answer = str | Callable[[list[str]], str]


@dataclass
class Recorder:
    """Takes the place of ``run``: notes every command, answers by its beginning."""

    commands: list[list[str]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    inputs: list[str] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, argv: list[str | Path], *, purpose: str, **rest: Any) -> str:
        words = [str(word) for word in argv]
        self.commands.append(words)
        self.inputs.append(rest.get("stdin") or "")
        self.environments.append(rest.get("env") or {})
        line = " ".join(words)
        if any(line.startswith(start) for start in self.failing):
            raise PlatformError(f"{purpose}: it failed")
        for start, answer in self.answers.items():
            if line.startswith(start):
                return answer(words) if callable(answer) else answer
        return ""

    @property
    def lines(self) -> list[str]:
        """The commands as they would be typed."""
        return [" ".join(words) for words in self.commands]
