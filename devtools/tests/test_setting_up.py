"""Front-end files and the machine itself, step by step."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from devtools import browser, preflight, steps
from devtools.assets import ensure_assets
from devtools.commands import RunningPrograms, failure, run, run_to_log
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.locks import exclusive
from devtools.preflight import Need, check_machine
from devtools.provision import provision
from devtools.steps import Progress, Report, Step, run_steps
from devtools.tests.conftest import write_program


def quiet(text: str) -> None:
    """A report that nobody reads."""


# -- front-end files -------------------------------------------------------------------


def test_front_end_files_are_installed_once(layout: Layout) -> None:
    assert ensure_assets(layout, quiet)
    assert (layout.addon / "static" / "lib" / "map.js").read_text() == "map\n"
    assert not ensure_assets(layout, quiet)
    package = layout.addon / "package.json"
    package.write_text(package.read_text() + "\n")
    assert ensure_assets(layout, quiet)


def test_front_end_files_that_fail_are_not_taken_for_done(layout: Layout) -> None:
    package = json.loads((layout.addon / "package.json").read_text())
    package["scripts"]["assets"] = "exit 3"
    (layout.addon / "package.json").write_text(json.dumps(package))
    for _ in range(2):
        with pytest.raises(DevtoolsError, match="npm failed"):
            ensure_assets(layout, quiet)


# -- the machine -----------------------------------------------------------------------


def test_this_machine_will_do(layout: Layout) -> None:
    assert not check_machine(layout, True, quiet)


def missing_tool(present: bool = False, tests_only: bool = False) -> Need:
    return Need("sextant", ("sextant-tools",), lambda: present, tests_only)


def test_an_ordinary_user_is_told_what_to_install(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "NEEDS", (missing_tool(),))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DevtoolsError) as told:
        check_machine(layout, False, quiet)
    assert str(told.value) == (
        "missing on this machine: sextant: run: sudo apt-get install sextant-tools"
    )


def test_root_installs_what_is_missing(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []
    need = Need("sextant", ("sextant-tools",), lambda: bool(installed))
    monkeypatch.setattr(preflight, "NEEDS", (need,))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def apt_get(argv: list[str], **settings: object) -> str:
        installed.append(" ".join(argv))
        return ""

    monkeypatch.setattr(preflight, "run", apt_get)
    assert check_machine(layout, False, quiet)
    assert installed[0].endswith("update")
    assert installed[1].endswith("install -y --no-install-recommends sextant-tools")

    monkeypatch.setattr(preflight, "NEEDS", (missing_tool(),))
    with pytest.raises(DevtoolsError, match="still missing after apt-get install"):
        check_machine(layout, False, quiet)


def test_what_only_tests_need_is_not_asked_of_a_run(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "NEEDS", (missing_tool(tests_only=True),))
    assert not check_machine(layout, False, quiet)


def test_a_full_disk_and_another_system_are_told(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DevtoolsError, match="0.1 GB free, 4 GB are needed: free some"):
        check_machine(replace(layout, cache=layout.root / "new"), False, quiet)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(DevtoolsError, match="needs Linux"):
        check_machine(layout, False, quiet)


def test_an_old_or_missing_node_is_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "node"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not preflight._has_node()
    node.write_text("#!/bin/sh\necho v16.20.0\n")
    node.chmod(0o755)
    assert not preflight._has_node()


@pytest.mark.parametrize("name", browser.NAMES)
def test_a_browser_is_found_under_each_of_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find_chromium() is None
    program = write_program(tmp_path / name, "#!/bin/sh\n")
    assert browser.find_chromium() == str(program)


# -- steps -----------------------------------------------------------------------------


def test_steps_come_after_what_they_need_and_show_their_time() -> None:
    done: list[str] = []
    stream = io.StringIO()

    def step(name: str, worked: bool, *needs: str) -> Step:
        def action(report: Report) -> bool:
            report(f"doing {name}")
            done.append(name)
            return worked

        return Step(name, action, needs)

    run_steps(
        [
            step("roof", True, "walls"),
            step("ground", False),
            step("walls", True, "ground"),
        ],
        Progress(stream),
    )
    assert done == ["ground", "walls", "roof"]
    lines = stream.getvalue().splitlines()
    assert lines[0].split() == ["ground", "doing", "ground"]
    assert lines[1].split()[:3] == ["[1/3]", "ground", "ready"]
    assert lines[5].split()[:3] == ["[3/3]", "roof", "done"]


def test_a_failed_step_starts_no_further_one_and_is_raised() -> None:
    done: list[str] = []

    def fail(report: Report) -> bool:
        raise DevtoolsError("no ground")

    def build(report: Report) -> bool:
        done.append("roof")
        return True

    stream = io.StringIO()
    with pytest.raises(DevtoolsError, match="no ground"):
        run_steps(
            [Step("ground", fail), Step("roof", build, ("ground",))], Progress(stream)
        )
    assert done == []
    assert "FAILED" in stream.getvalue()


def test_a_step_waiting_for_a_worker_is_not_started_after_a_failure() -> None:
    started: list[str] = []

    def fail(report: Report) -> bool:
        raise DevtoolsError("no ground")

    def other(report: Report) -> bool:
        started.append("other")
        return True

    with pytest.raises(DevtoolsError):
        run_steps(
            [Step("first", fail), Step("second", other), Step("third", other)],
            Progress(io.StringIO()),
            workers=1,
        )
    assert started == []


def test_a_long_step_shows_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "HEARTBEAT_S", 0.01)
    seen = threading.Event()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            if "thinking (0 s)" in text:
                seen.set()
            return super().write(text)

    def slow(report: Report) -> bool:
        report("thinking")
        return seen.wait(30)

    run_steps([Step("slow", slow)], Progress(Stream()))
    assert seen.is_set()


def test_everything_is_provided_and_then_ready(layout: Layout, tmp_path: Path) -> None:
    layout = replace(layout, cache=tmp_path / "own cache")
    for word in ("done", "ready"):
        stream = io.StringIO()
        provision(layout, with_tests=True, progress=Progress(stream))
        lines = stream.getvalue().splitlines()
        assert f"database template       {word}" in stream.getvalue()
        assert lines[-1].startswith("  [8/8]")


# -- programs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("npm error code ENOTFOUND", "the registry cannot be reached"),
        ("ERROR: No matching distribution found for x", "does not have that version"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES", "not what the lock says"),
        ("EACCES: permission denied", "belongs to another user"),
    ],
)
def test_the_cause_of_a_failure_is_named(output: str, advice: str) -> None:
    assert advice in str(failure("pip", output, Path("setup.log")))


def test_an_unknown_failure_shows_the_end_of_its_output(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = ["sh", "-c", "echo out; echo broken >&2; exit 4"]
    with pytest.raises(DevtoolsError, match="it failed: see") as failed:
        run(script, log=log, what="it", cwd=tmp_path, env=os.environ)
    assert failed.value.details == ("out", "broken")
    assert "broken" in log.read_text()


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(DevtoolsError, match="no-such-program is missing: install it"):
        run(
            ["no-such-program"],
            log=tmp_path / "l",
            what="x",
            cwd=tmp_path,
            env=os.environ,
        )


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(DevtoolsError, match="sleeping took over 0.1 s"):
        run(
            ["sleep", "600"],
            log=tmp_path / "log",
            what="sleeping",
            cwd=tmp_path,
            env=os.environ,
            timeout_s=0.1,
        )


def test_an_interruption_ends_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = RunningPrograms()
    monkeypatch.setattr("devtools.commands.running", programs)
    statuses: list[int] = []

    def work() -> None:
        environment = dict(os.environ)
        statuses.append(
            run_to_log(
                ["sh", "-c", "echo up; exec sleep 600"],
                log=tmp_path / "log",
                cwd=tmp_path,
                env=environment,
            )
        )

    thread = threading.Thread(target=work)
    thread.start()
    programs.end_all()
    thread.join(30)
    assert statuses == [-signal.SIGTERM]


def test_an_interrupted_setting_up_waits_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = RunningPrograms()
    monkeypatch.setattr("devtools.commands.running", programs)
    monkeypatch.setattr("devtools.steps.running", programs)

    begun = threading.Event()

    def slow(report: Report) -> bool:
        begun.set()
        run(
            ["sleep", "600"], log=tmp_path / "l", what="x", cwd=tmp_path, env=os.environ
        )
        return True

    def press(report: Report) -> bool:
        begun.wait(30)
        signal.raise_signal(signal.SIGINT)
        return True

    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        run_steps([Step("slow", slow), Step("press", press)], Progress(stream))
    assert "FAILED" not in stream.getvalue()
    assert "slow   ended" in stream.getvalue()


# -- environment and locks -------------------------------------------------------------


def test_nothing_of_the_callers_shell_leaks_into_a_child(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PGHOST", "GPS_ADMIN_TOKEN"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LANG", "de_DE")
    monkeypatch.setenv("HOME", str(tmp_path))
    child = clean_environment({"TMS_GPS_URL": "http://127.0.0.1"})
    assert not {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PGHOST"} & child.keys()
    assert "GPS_ADMIN_TOKEN" not in child
    assert child["LC_ALL"] == child["LANG"] == "C.UTF-8"
    assert child["HOME"] == str(tmp_path)
    assert child["TMS_GPS_URL"] == "http://127.0.0.1"


def test_a_child_keeps_things_where_its_parent_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TMS_CACHE_DIR", "TMS_VENV_ODOO", "TMS_ODOO_PORT"):
        monkeypatch.setenv(name, "x")
    child = clean_environment()
    assert child["TMS_CACHE_DIR"] == child["TMS_VENV_ODOO"] == "x"
    assert "TMS_ODOO_PORT" not in child


def test_a_child_has_a_home_even_where_the_user_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", "/nonexistent")
    home = clean_environment()["HOME"]
    assert Path(home).is_dir()
    assert clean_environment()["HOME"] == home


def test_a_spare_home_of_another_user_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("HOME")
    first = clean_environment()["HOME"]
    monkeypatch.setattr(os, "getuid", lambda: Path(first).stat().st_uid + 1)
    (tmp_path / f"tms-home-{os.getuid()}").mkdir()
    assert clean_environment()["HOME"] not in (
        first,
        str(tmp_path / f"tms-home-{os.getuid()}"),
    )


def test_a_second_command_waits_and_says_for_whom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order: list[str] = []

    class Waited(threading.Thread):
        def run(self) -> None:
            with exclusive(tmp_path / "lock", "sets up"):
                order.append("second")

    with exclusive(tmp_path / "lock", "sets up"):
        second = Waited()
        second.start()
        while f"pid {os.getpid()}" not in capsys.readouterr().err:
            second.join(0.01)
        order.append("first")
    second.join(30)
    assert order == ["first", "second"]
