"""The commands, with the real pip-audit where one is needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delivery.cli import main

WriteLock = Callable[..., Path]
SOURCE = Path(__file__).parents[2] / "src"
CLOSED_PORT = "http://127.0.0.1:1/v1/query"


@pytest.fixture(autouse=True)
def no_advisories_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADVISORIES", raising=False)


@pytest.fixture
def osv_url(advisories: Path) -> Iterator[str]:
    """Address of a started ``python -m delivery advisories serve``."""
    command = [sys.executable, "-m", "delivery", "advisories", "serve", str(advisories)]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        announced = server.stdout.readline()
        assert announced.startswith("1 advisories up to 2024-10-10: http://127.0.0.1:")
        yield announced.split(": ", 1)[1].strip()
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=10) == 0


def audit(lock: Path, url: str) -> Path:
    """Run pip-audit as a pipeline does, on a lock that it need not resolve."""
    report = lock.with_name("report.json")
    environment = os.environ | {
        "PIP_AUDIT_FORMAT": "json",
        "PIP_AUDIT_OUTPUT": str(report),
        "PIP_AUDIT_PROGRESS_SPINNER": "off",
        "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
        "PIP_AUDIT_OSV_URL": url,
    }
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--disable-pip"]
    subprocess.run(command, env=environment, capture_output=True, check=False)
    return report


def gate(report: Path, lock: Path, *more: str) -> int:
    files = ["--report", str(report), "--requirements", str(lock)]
    return main(["dependency-gate", *files, *more])


def test_a_vulnerable_pin_fails_with_the_real_pip_audit(
    write_lock: WriteLock, osv_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = write_lock("insecure==1.0", "fine==3.0")

    assert gate(audit(lock, osv_url), lock) == 1

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("  insecure 1.0: PYSEC-2024-1 = CVE-2024-0001")
    assert printed[-1] == "dependency audit: FAILED: 1 finding"


def test_its_twin_without_the_hole_is_clean(
    write_lock: WriteLock, osv_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = write_lock("insecure==2.0", "fine==3.0")

    assert gate(audit(lock, osv_url), lock) == 0
    assert capsys.readouterr().out == "dependency audit: CLEAN: 2 packages\n"


def allowing_the_hole(folder: Path) -> Path:
    """A list with one entry, in force for a month."""
    allow_list = folder / "allow-list.toml"
    expires = datetime.now(UTC).date() + timedelta(days=30)
    allow_list.write_text(
        '[[allow]]\npackage = "insecure"\nid = "CVE-2024-0001"\n'
        f'owner = "dispatch team"\nreason = "no fix"\nexpires = {expires}\n'
    )
    return allow_list


def test_an_allow_list_lets_the_hole_pass(
    tmp_path: Path, write_lock: WriteLock, osv_url: str
) -> None:
    lock = write_lock("insecure==1.0")
    allow_list = allowing_the_hole(tmp_path)

    assert gate(audit(lock, osv_url), lock, "--allow-list", str(allow_list)) == 0


def test_a_list_of_another_lock_may_hold_an_entry_that_this_one_needs_not(
    tmp_path: Path, write_lock: WriteLock, osv_url: str
) -> None:
    lock = write_lock("fine==3.0")
    allow_list = allowing_the_hole(tmp_path)
    listed = ("--allow-list", str(allow_list))

    assert gate(audit(lock, osv_url), lock, *listed) == 1
    assert gate(audit(lock, osv_url), lock, *listed, "--other-lock") == 0


def test_old_advisories_leave_the_audit_unchecked(
    advisories: Path,
    write_lock: WriteLock,
    osv_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lock = write_lock("fine==3.0")
    monkeypatch.setenv("ADVISORIES", str(advisories))

    assert gate(audit(lock, osv_url), lock) == 3
    assert "clean against advisories of 2024-10-10" in capsys.readouterr().out
    assert gate(audit(lock, osv_url), lock, "--max-age-days", "100000") == 0


def test_a_service_out_of_reach_leaves_the_audit_unchecked(
    write_lock: WriteLock, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = write_lock("insecure==1.0")

    assert gate(audit(lock, CLOSED_PORT), lock) == 3
    assert "NOT CHECKED: pip-audit wrote no report" in capsys.readouterr().out


def test_a_missing_lock_is_wrong_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "requirements.txt"

    assert gate(tmp_path / "report.json", missing) == 2
    assert capsys.readouterr().err.startswith(f"error: cannot read {missing}")


def test_lock_current_tells_which_lock_lags_behind(
    tmp_path: Path, write_lock: WriteLock, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lock("requests==2.32.5")
    source = tmp_path / "requirements.in"
    source.write_text("requests\n")

    assert main(["lock-current", str(source)]) == 0
    assert capsys.readouterr().out == "1 locks match their sources\n"

    source.write_text("flask\n")

    assert main(["lock-current", str(source)]) == 1
    assert "flask is missing" in capsys.readouterr().out


def test_a_command_is_needed() -> None:
    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == 2


def test_the_platform_has_commands_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["platform", "url", "--help"])

    assert ended.value.code == 0
    assert "usage: python -m delivery platform url" in capsys.readouterr().out


def test_other_commands_need_nothing_of_the_platform() -> None:
    code = (
        "import sys; from delivery.cli import main; main(sys.argv[1:]); "
        "sys.exit('delivery.platform' in sys.modules)"
    )
    lock_current = ["lock-current", str(SOURCE.parent / "requirements.in")]
    command = [sys.executable, "-c", code, *lock_current]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}

    assert subprocess.run(command, env=environment, check=False).returncode == 0


@pytest.mark.parametrize(
    ("module", "command"),
    [("delivery.pipeline", "pipeline-step"), ("delivery.platform", "platform")],
)
def test_a_package_runs_as_a_program(module: str, command: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    ended = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.startswith("usage: ")
    assert command in ended.stdout.splitlines()[0]
