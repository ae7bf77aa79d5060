"""Folders, addresses and programs that stand in for a whole machine."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.platform.layout import Layout, Network
from delivery.platform.processes import Processes

from .doubles import Recorder


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
