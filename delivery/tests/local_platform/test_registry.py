"""The registry's two processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from delivery.platform import registry as module
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.packages import Packages
from delivery.platform.processes import Processes
from delivery.platform.registry import Registry

SERVER = """\
#!{python}
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""


@pytest.fixture
def registry(
    layout: Layout,
    network: Network,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Registry:
    """A registry whose program answers every path but those with `missing`."""
    program = tmp_path / "usr/bin/docker-registry"
    program.parent.mkdir(parents=True)
    text = SERVER.format(python=sys.executable, port=network.upstream_port)
    program.write_text(text)
    program.chmod(0o755)
    packages = Packages(layout)
    monkeypatch.setattr(packages, "unpack", lambda name, wanted: tmp_path)
    return Registry(layout, network, processes, packages)


def test_it_listens_on_this_machine_only(layout: Layout) -> None:
    settings = yaml.safe_load(module.configuration(layout, Network()))
    assert settings["http"]["addr"] == "127.0.0.1:5001"
    assert settings["storage"]["filesystem"]["rootdirectory"] == str(layout.registry)


def test_the_login_is_basic_authorization() -> None:
    assert module.basic_authorization("x") == "Basic QVdTOng="


def test_a_gateway_that_cannot_start_says_why(registry: Registry) -> None:
    unreachable = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_MAX_ATTEMPTS": "1",
    }
    with pytest.raises(PlatformError, match="gateway .* ended .*127.0.0.1:1"):
        registry.start(["127.0.0.1"], unreachable, "password")
    assert registry.holds("a", "present")
    assert not registry.holds("a", "missing")
    registry.stop()
    assert registry.processes.names() == []
    assert not registry.holds("a", "present")
