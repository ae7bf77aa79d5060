"""Folders, addresses and programs that stand in for a whole machine."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.processes import Processes

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


@pytest.fixture
def recorder() -> Recorder:
    """A recorder that answers nothing yet."""
    return Recorder()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A platform's folders, empty."""
    return Layout(tmp_path / "platform")


@pytest.fixture
def network() -> Network:
    """Addresses with ports that nobody listens on."""
    ports = []
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
    return Network(registry_port=ports[0], upstream_port=ports[1], aws_port=ports[2])


@pytest.fixture
def processes(layout: Layout) -> Iterator[Processes]:
    """Background processes, all ended after the test."""
    background = Processes(layout.state, layout.logs)
    yield background
    for name in background.names():
        background.stop(name)
