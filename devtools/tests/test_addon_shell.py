"""A script of a pipeline's step runs beside a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from devtools import addon_shell
from devtools.addon_shell import LOG_PROBLEMS, main, pytest_options, run_script
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_source import locate_odoo

PROBLEM = "2026-11-23 10:00:00,000 7 ERROR tms odoo.addons.tms_management: late"
CONFIG = 'eval "words=($PYTEST_ADDOPTS)"; config=${words[0]#*=}\n'
LOG = CONFIG + "log=$(sed -n 's/^logfile = //p' \"$config\")\n"


Run = Callable[[str], int]


@pytest.fixture
def run(layout: Layout, tmp_path: Path) -> Run:
    """Runs a text as a step's script."""

    def run_text(text: str) -> int:
        script = tmp_path / "step.sh"
        script.write_text(text)
        return run_script(layout, locate_odoo(layout), script)

    return run_text


def test_the_script_finds_the_database_running(run: Run, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    text = f"{CONFIG}port=$(sed -n 's/^db_port = //p' \"$config\")\n"
    text += f"exec 3<>/dev/tcp/127.0.0.1/$port\necho yes > {seen}\n"
    assert run(text) == 0
    assert seen.read_text() == "yes\n"


def test_the_scripts_failure_is_the_steps(run: Run, layout: Layout) -> None:
    assert run("false\nexit 0\n") == 1
    assert list(layout.run.glob("addon-shell-*")) == [], "nothing is left behind"


def test_a_problem_in_odoos_log_fails_the_step(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"{LOG}echo '{PROBLEM}' > \"$log\"\n") == LOG_PROBLEMS
    assert "late" in capsys.readouterr().err


def test_options_reach_pytest_in_one_variable() -> None:
    text = pytest_options(Path("/a b/odoo.conf"))
    assert text.startswith("'--odoo-config=/a b/odoo.conf' --odoo-database=")


def test_a_wrong_call_is_refused() -> None:
    assert main([]) == 2


@pytest.fixture
def provisioned(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> list[Layout]:
    """What was provisioned, in place of doing it."""
    done: list[Layout] = []
    monkeypatch.setattr(Layout, "discover", classmethod(lambda cls: layout))

    def note(where: Layout, with_tests: bool, venvs: Sequence[str]) -> None:
        assert set(venvs) == {"odoo", "gps"}
        done.append(where)

    monkeypatch.setattr(addon_shell, "provision", note)
    return done


def test_prepares_what_takes_long(provisioned: list[Layout], layout: Layout) -> None:
    assert main(["--prepare"]) == 0
    assert provisioned == [layout]


def test_runs_a_script_by_name(provisioned: list[Layout], tmp_path: Path) -> None:
    script = tmp_path / "step.sh"
    script.write_text("exit 7\n")
    assert main([str(script)]) == 7


def test_what_cannot_be_prepared_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(where: Layout, with_tests: bool, venvs: Sequence[str]) -> None:
        raise DevtoolsError("no Odoo yet", "run `make setup`")

    monkeypatch.setattr(addon_shell, "provision", fail)
    assert main(["--prepare"]) == 1
    assert capsys.readouterr().err == "error: no Odoo yet: run `make setup`\n"
