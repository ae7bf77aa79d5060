"""Reading pip-audit's report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.dependencies.report import AuditReport, Finding, ReportError


def test_audited_skipped_and_found_are_told_apart(
    write_report: Callable[..., Path],
) -> None:
    hole = {"id": "PYSEC-2024-1", "aliases": ["CVE-2024-0001"], "fix_versions": ["2.0"]}
    path = write_report(
        {"name": "Insecure", "version": "1.0", "vulns": [hole]},
        {"name": "fine", "version": "3.0", "vulns": []},
        {"name": "unknown", "skip_reason": "not on the index"},
    )

    assert AuditReport.read(path) == AuditReport(
        audited={"insecure": "1.0", "fine": "3.0"},
        skipped={"unknown": "not on the index"},
        findings=(
            Finding("insecure", "1.0", ("PYSEC-2024-1", "CVE-2024-0001"), ("2.0",)),
        ),
    )


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"dependencies": [{}]}', '{"dependencies": [1]}']
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)

    with pytest.raises(ReportError, match="is not a report of pip-audit"):
        AuditReport.read(path)


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="pip-audit wrote no report"):
        AuditReport.read(tmp_path / "report.json")
