"""The command line: one line per failure, an exit status, no traceback."""

from __future__ import annotations

import io
import os
import runpy
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import __main__ as front_door
from devtools import cli
from devtools.cli import main
from devtools.commands import RunningPrograms
from devtools.errors import DevtoolsError
from devtools.layout import Layout


@pytest.fixture(autouse=True)
def signal_handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)


@pytest.fixture
def here(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr(Layout, "discover", lambda: layout)
    return layout


def test_setup_and_assets_say_what_they_did(
    here: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assets"]) == 0
    assert main(["assets"]) == 0
    assert main(["setup"]) == 0
    said = capsys.readouterr().out
    assert "front-end files installed" in said
    assert "front-end files are up to date" in said
    assert "set up in " in said


def test_the_folder_of_odoo_is_all_that_is_printed(
    here: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["odoo-home"]) == 0
    assert capsys.readouterr().out == f"{Path(os.environ['ODOO_HOME']).resolve()}\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            DevtoolsError("no disk", "buy one", ("line one",)),
            1,
            "    line one\nerror: no disk: buy one\n",
        ),
        (DevtoolsError("no disk"), 1, "error: no disk\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (
            OSError(28, "No space left", "/x"),
            1,
            "error: [Errno 28] No space left: '/x'\n",
        ),
    ],
)
def test_a_failure_is_a_line_and_a_status(
    here: Layout,
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*arguments: object) -> bool:
        raise error

    monkeypatch.setattr(cli, "ensure_assets", fail)
    monkeypatch.setattr(RunningPrograms, "end_all", lambda self: None)
    assert main(["assets"]) == status
    assert capsys.readouterr().err == said


def test_a_reader_that_went_away_is_no_failure(
    here: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*arguments: object) -> bool:
        raise BrokenPipeError

    monkeypatch.setattr(cli, "ensure_assets", fail)
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["assets"]) == 0
        out.write("nobody reads this")
    assert (tmp_path / "out").read_text() == ""


def test_the_front_door_hands_the_words_on(
    here: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["devtools", "status"])
    monkeypatch.delitem(sys.modules, front_door.__name__)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("devtools", run_name="__main__")
    assert ended.value.code == 0
    assert "there is no instance yet" in capsys.readouterr().out


def test_another_python_hands_over_to_the_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(sys, "version_info", (3, 12, 1))
    monkeypatch.setattr(sys, "argv", ["devtools", "run"])
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(os, "execv", lambda path, argv: started.append(argv))
    front_door._require_python()
    assert started == [["/bin/python3.11", "-m", "devtools", "run"]]

    errors = io.StringIO()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "stderr", errors)
    with pytest.raises(SystemExit):
        front_door._require_python()
    assert errors.getvalue() == (
        "error: python3.11 is needed: apt-get install python3.11\n"
    )


def test_the_layout_is_that_of_this_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TMS_CACHE_DIR", raising=False)
    layout = Layout.discover()
    assert (layout.root / "devtools" / "cli.py").is_file()
    assert layout.cache == layout.root / ".cache"
    monkeypatch.setenv("TMS_CACHE_DIR", str(tmp_path))
    assert Layout.discover().cache == tmp_path
