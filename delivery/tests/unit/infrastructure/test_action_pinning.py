"""GitHub is asked to refuse actions that are not pinned, and asked again whether."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from delivery.infrastructure.action_pinning import main


class GitHub(ThreadingHTTPServer):
    """The two calls of GitHub's API, for one repository and one administrator."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Calls)
        self.settings: dict[str, object] = {
            "enabled": True,
            "allowed_actions": "selected",
            "sha_pinning_required": False,
        }
        self.knows_pinning = True


class Calls(BaseHTTPRequestHandler):
    """Answers as GitHub does."""

    server: GitHub

    def do_PUT(self) -> None:
        """Take settings."""
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.server.knows_pinning:
            given.pop("sha_pinning_required")
        if self._allowed():
            self.server.settings |= given
            self.send_response(204)
            self.end_headers()

    def do_GET(self) -> None:
        """Tell settings."""
        if self._allowed():
            self._answer(200, self.server.settings)

    def _allowed(self) -> bool:
        if self.path != "/repos/tms-example/tms/actions/permissions":
            self._answer(404, {"message": "Not Found"})
        elif self.headers["Authorization"] != "Bearer administrator":
            self._answer(403, {"message": "Must have admin rights"})
        else:
            return True
        return False

    def _answer(self, status: int, content: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """A repository that takes actions by any name, and its administrator's token."""
    with GitHub() as server:
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("GITHUB_TOKEN", "administrator")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_repository_requires_it_and_keeps_its_other_settings(
    github: GitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tms-example/tms"]) == 0
    assert github.settings == {
        "enabled": True,
        "allowed_actions": "selected",
        "sha_pinning_required": True,
    }
    assert "pinned by commit" in capsys.readouterr().out


def test_who_is_no_administrator_is_told(
    github: GitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "developer")
    assert main(["tms-example/tms"]) == 1
    said = capsys.readouterr().err
    assert (
        "403" in said and "Must have admin rights" in said and "developer" not in said
    )


def test_a_setting_that_was_not_taken_is_no_success(
    github: GitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    github.knows_pinning = False
    assert main(["tms-example/tms"]) == 1
    assert "organisation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("GITHUB_TOKEN", "", "GITHUB_TOKEN is not set"),
        ("GITHUB_API_URL", "http://github.example", "by HTTPS alone"),
        ("GITHUB_API_URL", "http://127.0.0.1:1", "does not answer"),
    ],
)
def test_what_is_missing_is_named(
    github: GitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(variable, value)
    assert main(["tms-example/tms"]) == 1
    assert said in capsys.readouterr().err
    assert github.settings["sha_pinning_required"] is False


def test_a_name_that_would_be_another_address_is_refused(
    github: GitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tms-example/tms/../other"]) == 1
    assert "is not owner/name" in capsys.readouterr().err
