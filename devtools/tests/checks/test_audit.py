"""pip-audit and the gate after it; pip-audit is a program that writes a report."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devtools.checks.audit import AdvisoryService, AuditCheck
from devtools.checks.check import PASSED, Status
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.tests.conftest import write_program

ROOT = Path(__file__).parents[3]
RECORD = """\
id: PYSEC-2024-1
modified: "2024-10-10T00:00:00Z"
affected:
- package: {name: insecure, ecosystem: PyPI}
  versions: ["1.0"]
"""
ALLOWED = f"""\
[[allow]]
package = "insecure"
id = "PYSEC-2024-1"
owner = "dispatch team"
reason = "no fix"
expires = {datetime.now(UTC).date() + timedelta(days=30)}
"""
HOLE = {"id": "PYSEC-2024-1", "fix_versions": ["2.0"]}


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """This repository, with a virtualenv in which pip-audit is a stand-in."""
    venv = tmp_path / "venv"
    write_program(venv / "bin" / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    monkeypatch.setenv("TMS_VENV_DELIVERY", str(venv))
    monkeypatch.delenv("ADVISORIES", raising=False)
    return Layout(ROOT, tmp_path / "cache", tmp_path / "run")


@pytest.fixture
def audited(tmp_path: Path) -> Path:
    """A folder with one locked package."""
    lock = tmp_path / "component" / "requirements.txt"
    lock.parent.mkdir()
    lock.write_text("insecure==1.0 --hash=sha256:00\n")
    return lock.parent


@pytest.fixture
def service(layout: Layout, tmp_path: Path) -> Iterator[AdvisoryService]:
    service = AdvisoryService(layout, tmp_path / "advisories.log")
    yield service
    service.close()


def reporting(layout: Layout, *vulnerabilities: object) -> None:
    """Make pip-audit write a report about the locked package."""
    entry = {"name": "insecure", "version": "1.0", "vulns": vulnerabilities}
    report = json.dumps({"dependencies": [entry], "fixes": []})
    text = f'#!/bin/sh\necho "$@"\ncat >"$PIP_AUDIT_OUTPUT" <<\'E\'\n{report}\nE\n'
    write_program(layout.venv("delivery") / "bin" / "pip-audit", text)


def check(layout: Layout, service: AdvisoryService, folder: Path) -> AuditCheck:
    return AuditCheck(layout, service, folder, layout.venv("delivery"))


def test_pip_audit_is_called_as_the_pipelines_call_it(
    layout: Layout, service: AdvisoryService, audited: Path, tmp_path: Path
) -> None:
    reporting(layout)
    log = tmp_path / "audit.log"

    assert check(layout, service, audited)(log) == PASSED
    assert log.read_text().startswith(
        "$ pip-audit -r requirements.txt\n-r requirements.txt\n"
    )


def test_a_vulnerable_package_fails(
    layout: Layout, service: AdvisoryService, audited: Path, tmp_path: Path
) -> None:
    reporting(layout, HOLE)

    outcome = check(layout, service, audited)(tmp_path / "audit.log")

    assert (outcome.status, outcome.note) == (Status.FAILED, "FAILED: 1 finding")


def test_an_allow_list_beside_the_lock_is_used(
    layout: Layout, service: AdvisoryService, audited: Path, tmp_path: Path
) -> None:
    reporting(layout, HOLE)
    (audited / "dependency-allow-list.toml").write_text(ALLOWED)

    assert check(layout, service, audited)(tmp_path / "audit.log") == PASSED


def test_a_further_lock_is_audited_as_it_stands_with_its_own_allow_list(
    layout: Layout, service: AdvisoryService, audited: Path, tmp_path: Path
) -> None:
    reporting(layout, HOLE)
    (audited / "requirements.txt").rename(audited / "platform.txt")
    (audited / "platform-allow-list.toml").write_text(ALLOWED)
    venv = layout.venv("delivery")
    options = ("--disable-pip",)
    log = tmp_path / "audit.log"

    audit = AuditCheck(layout, service, audited, venv, "platform.txt", options)

    assert audit(log) == PASSED
    assert log.read_text().startswith("$ pip-audit -r platform.txt --disable-pip\n")


def test_a_report_of_an_earlier_run_does_not_count(
    layout: Layout, service: AdvisoryService, audited: Path, tmp_path: Path
) -> None:
    reporting(layout)
    assert check(layout, service, audited)(tmp_path / "audit.log") == PASSED
    write_program(layout.venv("delivery") / "bin" / "pip-audit", "#!/bin/sh\nexit 1\n")

    outcome = check(layout, service, audited)(tmp_path / "audit.log")

    assert outcome.status is Status.NOT_CHECKED
    assert outcome.note.startswith("pip-audit wrote no report")


def test_advisories_in_a_folder_are_served_once_and_dated(
    layout: Layout,
    audited: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = tmp_path / "advisories" / "insecure" / "PYSEC-2024-1.yaml"
    record.parent.mkdir(parents=True)
    record.write_text(RECORD)
    monkeypatch.setenv("ADVISORIES", str(tmp_path / "advisories"))
    service = AdvisoryService(layout, tmp_path / "advisories.log")
    reporting(layout)
    try:
        variables = service.variables()
        assert variables == service.variables()
        outcome = check(layout, service, audited)(tmp_path / "audit.log")
    finally:
        service.close()

    assert variables["PIP_AUDIT_VULNERABILITY_SERVICE"] == "osv"
    assert variables["PIP_AUDIT_OSV_URL"].startswith("http://127.0.0.1:")
    assert outcome.status is Status.NOT_CHECKED
    assert outcome.note.startswith("clean against advisories of 2024-10-10")


def test_a_folder_without_advisories_is_refused(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISORIES", str(tmp_path / "nowhere"))
    service = AdvisoryService(layout, tmp_path / "advisories.log")

    with pytest.raises(DevtoolsError, match="nowhere cannot be served") as refused:
        service.variables()
    service.close()

    assert "no such file or folder" in refused.value.details[-1]
