"""The container engine: found, started, stopped."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from delivery.platform import engine as module
from delivery.platform.engine import Engine, answers, daemon_command, running_engine
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.packages import Packages
from delivery.platform.processes import Processes

from .doubles import Recorder

OWN = "unix:///p/state/docker.sock"


class Ping(BaseHTTPRequestHandler):
    """Answers like an engine that is ready."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/_ping" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def socket_address(tmp_path: Path) -> Iterator[str]:
    """Address of an engine that answers on a Unix socket."""
    path = str(tmp_path / "e.sock")
    with socketserver.ThreadingUnixStreamServer(path, Ping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"unix://{path}"
        server.shutdown()


@pytest.fixture
def engine(
    layout: Layout,
    network: Network,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    recorder: Recorder,
    tmp_path: Path,
) -> Engine:
    """An engine whose docker is a recorder, on a machine without any other."""
    packages = Packages(layout)
    monkeypatch.setattr(packages, "install", lambda wanted: [])
    monkeypatch.setattr(module, "run", recorder)
    monkeypatch.setattr(module, "DEFAULT_SOCKET", "unix:///no/such.sock")
    monkeypatch.setattr(module, "BRIDGE", tmp_path / "docker0")
    return Engine(layout, network, processes, packages)


def test_an_engine_that_answers_is_found(socket_address: str) -> None:
    assert answers(socket_address)
    assert running_engine({"DOCKER_HOST": socket_address}, OWN) == socket_address


@pytest.mark.parametrize("host", ["unix:///no/such", "tcp://127.0.0.1:1", "ssh://x"])
def test_an_engine_that_does_not_answer_is_not_there(host: str) -> None:
    assert not answers(host)


def test_a_named_engine_that_is_down_is_an_error() -> None:
    with pytest.raises(PlatformError, match="DOCKER_HOST=unix:///no/such"):
        running_engine({"DOCKER_HOST": "unix:///no/such"}, OWN)


def test_the_platforms_own_address_is_no_other_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DEFAULT_SOCKET", "unix:///no/such.sock")
    assert running_engine({"DOCKER_HOST": OWN}, OWN) is None


def test_a_running_engine_is_used_and_left_alone(
    engine: Engine, recorder: Recorder, socket_address: str
) -> None:
    said = engine.start({"DOCKER_HOST": socket_address})
    assert said == f"using the engine at {socket_address}"
    assert engine.environment["DOCKER_HOST"] == socket_address
    engine.stop()
    assert recorder.commands == []


def test_without_one_dockerd_is_started(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    monkeypatch.setattr(module, "daemon_command", lambda *_: ["sleep", "600"])
    monkeypatch.setattr(module, "answers", lambda host: host == engine.host)
    recorder.answers = {f"{module.CLIENT} ps": "c1 c2\n", "docker ps": "c1 c2\n"}
    assert engine.start({}).startswith("started dockerd")
    module.BRIDGE.touch()
    module.exec_root(engine.layout).mkdir(parents=True)
    engine.stop()
    assert recorder.lines[-2].endswith("stop -t 5 c1 c2")
    assert recorder.lines[-1] == "ip link delete docker0"
    assert engine.processes.running("engine") is None


def test_the_bridge_of_an_engine_that_was_killed_goes(
    engine: Engine, recorder: Recorder
) -> None:
    module.BRIDGE.touch()
    module.exec_root(engine.layout).mkdir(parents=True)
    engine.stop()
    assert recorder.lines == ["ip link delete docker0"]


def test_the_bridge_of_another_engine_stays(engine: Engine, recorder: Recorder) -> None:
    module.BRIDGE.touch()
    engine.stop()
    assert recorder.lines == []


def test_a_dockerd_that_ends_says_why(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["sh", "-c", "echo no storage driver; exit 1"]
    monkeypatch.setattr(module, "daemon_command", lambda *_: command)
    with pytest.raises(PlatformError, match="dockerd ended .*no storage driver"):
        engine.start({})


def test_dockerd_keeps_everything_in_the_platforms_folders(layout: Layout) -> None:
    command = daemon_command(layout, Network())
    assert f"--data-root={layout.engine}" in command
    assert f"--exec-root={layout.state}/engine" in command
    assert command[:2] == ["unshare", "--mount"]


def test_the_login_goes_to_a_folder_of_the_platform(
    engine: Engine, recorder: Recorder
) -> None:
    engine.log_in("127.0.0.1:5000", "s3cret")
    assert recorder.inputs == ["s3cret"]
    assert "s3cret" not in recorder.lines[0]
    config = Path(recorder.environments[0]["DOCKER_CONFIG"])
    assert config == engine.layout.state / "docker"
    assert config.stat().st_mode & 0o777 == 0o700


def test_a_program_becomes_an_image_of_one_file(
    engine: Engine, recorder: Recorder, tmp_path: Path
) -> None:
    engine.import_file(tmp_path / "pause", "127.0.0.1:5000/platform/pause:1")
    pack, imported = recorder.commands
    assert pack[-1] == "pause"
    assert 'ENTRYPOINT ["/pause"]' in imported


def test_an_image_is_pushed_by_name(engine: Engine, recorder: Recorder) -> None:
    engine.push("127.0.0.1:5000/a:1")
    assert recorder.lines[0].endswith("push --quiet 127.0.0.1:5000/a:1")
