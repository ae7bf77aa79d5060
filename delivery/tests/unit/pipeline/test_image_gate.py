"""Zero CRITICAL, or the image does not go on; and nothing is silently green."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from delivery.allow_list import Allowance
from delivery.pipeline.errors import StepError
from delivery.pipeline.image_gate import (
    Finding,
    Scan,
    decide,
    ecr_scan,
    is_emulated,
    trivy_scan,
)
from delivery.verdict import Outcome, Verdict

from .conftest import DIGEST, Answers, Clock

CRITICAL = Finding("CVE-2026-1", "CRITICAL", "openssl")
HIGH = Finding("CVE-2026-2", "HIGH", "zlib")
ALLOWED = Allowance(
    "CVE-2026-1",
    "tms-odoo",
    "devops-lead",
    "not reachable: the binary is never run",
    dt.date(2026, 12, 31),
)


def judged(*scans: Scan, allowed: tuple[Allowance, ...] = ()) -> Verdict:
    return decide(scans, "tms-odoo", allowed)


def test_an_image_without_critical_findings_is_clean() -> None:
    verdict = judged(Scan("ECR", (HIGH,)))
    assert verdict.outcome is Outcome.CLEAN
    assert verdict.details == ("ECR: no CRITICAL among 1 findings",)


def test_one_critical_finding_stops_the_image() -> None:
    verdict = judged(Scan("ECR", (HIGH, CRITICAL, CRITICAL)))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.details == ("ECR: CRITICAL CVE-2026-1 openssl",)


def test_either_scanner_can_stop_the_image() -> None:
    scans = [Scan("ECR"), Scan("Trivy", (CRITICAL,))]
    assert judged(*scans).outcome is Outcome.FAILED


def test_an_allowed_finding_is_named_with_its_owner() -> None:
    verdict = judged(Scan("ECR", (CRITICAL,)), allowed=(ALLOWED,))
    assert verdict.outcome is Outcome.CLEAN
    assert "allowed until 2026-12-31 by devops-lead" in verdict.details[0]


def test_a_finding_is_allowed_in_one_image_only() -> None:
    other = replace(ALLOWED, subject="gps-ingestion-service")
    verdict = judged(Scan("ECR", (CRITICAL,)), allowed=(other,))
    assert verdict.outcome is Outcome.FAILED


def test_scanners_without_data_have_checked_nothing() -> None:
    scans = [
        Scan("ECR", checked=False, why="emulated"),
        Scan("Trivy", checked=False, why="no database"),
    ]
    verdict = judged(*scans)
    assert verdict.outcome is Outcome.NOT_CHECKED
    assert "ECR: NOT CHECKED: emulated" in verdict.details


def test_no_scanner_at_all_has_checked_nothing() -> None:
    assert judged().outcome is Outcome.NOT_CHECKED


def test_each_scanner_that_was_asked_has_to_have_looked() -> None:
    scans = [Scan("ECR"), Scan("Trivy", checked=False, why="no database")]
    verdict = judged(*scans)
    assert verdict.outcome is Outcome.NOT_CHECKED
    assert verdict.reason == "Trivy had no real data to look with"
    assert judged(scans[0]).outcome is Outcome.CLEAN


def test_even_an_emulators_critical_finding_stops() -> None:
    scans = [Scan("ECR", (CRITICAL,), checked=False, why="emulated")]
    assert judged(*scans).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("environment", "emulated"),
    [
        ({}, False),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:5555"}, True),
        ({"AWS_ENDPOINT_URL_ECR": "http://amazonaws.com.evil.example"}, True),
        ({"AWS_ENDPOINT_URL": "https://ecr.ap-south-1.amazonaws.com"}, False),
    ],
)
def test_knows_an_emulator_by_its_address(
    environment: dict[str, str], emulated: bool
) -> None:
    assert is_emulated(environment) is emulated


# The registry's scan: started by a step before, read here by digest.


def page(status: str = "COMPLETE", **more: Any) -> dict[str, Any]:
    return {"imageScanStatus": {"status": status}, **more}


def finding(severity: str, number: int = 1) -> dict[str, Any]:
    return {
        "name": f"CVE-2026-{number}",
        "severity": severity,
        "attributes": [
            {"key": "package_version", "value": "1"},
            {"key": "package_name", "value": "openssl"},
        ],
    }


def scan(answers: Answers, clock: Clock, emulated: bool = False) -> Scan:
    return ecr_scan("tms-odoo", DIGEST, answers, 60, clock, clock.sleep, emulated)


def test_waits_for_the_scan_and_asks_by_digest(answers: Answers, clock: Clock) -> None:
    answers.on("findings", code=254, errors="ScanNotFoundException")
    answers.on("findings", output=page("IN_PROGRESS"))
    answers.on("findings", output=page("PENDING"))
    answers.on("findings", output=page(imageScanFindings={}))
    assert scan(answers, clock) == Scan("ECR")
    assert clock.now == 15.0
    assert f"imageDigest={DIGEST}" in answers.calls[0][0]


SINCE = dt.datetime(2026, 11, 24, 9, tzinfo=dt.UTC)


def completed(moment: object) -> dict[str, Any]:
    return page(imageScanFindings={"imageScanCompletedAt": moment})


@pytest.mark.parametrize("earlier", ["2026-11-23T08:00:00+00:00", 1.0, None])
@pytest.mark.parametrize("fresh", ["2026-11-24T09:01:00+00:00", 4e9])
def test_an_earlier_scans_result_does_not_count(
    answers: Answers, clock: Clock, earlier: object, fresh: object
) -> None:
    answers.on("findings", output=completed(earlier))
    answers.on("findings", output=completed(fresh))
    ecr_scan("x", DIGEST, answers, 60, clock, clock.sleep, since=SINCE)
    assert len(answers.calls) == 2


def test_a_scan_that_stays_the_earlier_one_is_a_failure(
    answers: Answers, clock: Clock
) -> None:
    answers.on("findings", output=completed("2026-11-23T08:00:00+00:00"))
    with pytest.raises(StepError, match="scan-timeout"):
        ecr_scan("x", DIGEST, answers, 60, clock, clock.sleep, since=SINCE)


def test_reads_every_page(answers: Answers, clock: Clock) -> None:
    first = {
        "findings": [finding("HIGH")],
        "findingSeverityCounts": {"HIGH": 1, "CRITICAL": 1},
    }
    second = {"findings": [finding("CRITICAL", 2)]}
    answers.on("findings", output=page(imageScanFindings=first, nextToken="more"))
    answers.on("findings", output=page(imageScanFindings=second))
    found = scan(answers, clock).findings
    assert [(item.identifier, item.severity) for item in found] == [
        ("CVE-2026-1", "HIGH"),
        ("CVE-2026-2", "CRITICAL"),
    ]
    assert found[0].package == "openssl"
    assert answers.calls[1][0][-2:] == ["--next-token", "more"]


def test_reads_enhanced_findings(answers: Answers, clock: Clock) -> None:
    enhanced = [
        {
            "severity": "CRITICAL",
            "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-2026-9"},
        },
        {"severity": "LOW", "title": "old"},
    ]
    found = {"enhancedFindings": enhanced, "findingSeverityCounts": {"CRITICAL": 1}}
    answers.on("findings", output=page("ACTIVE", imageScanFindings=found))
    names = [item.identifier for item in scan(answers, clock).findings]
    assert names == ["CVE-2026-9", "old"]


def test_a_lost_finding_is_a_failure(answers: Answers, clock: Clock) -> None:
    found = {"findings": [], "findingSeverityCounts": {"CRITICAL": 2}}
    answers.on("findings", output=page(imageScanFindings=found))
    with pytest.raises(StepError, match="counts 2 CRITICAL, 0 were read"):
        scan(answers, clock)


def test_a_scan_that_never_ends_is_a_failure(answers: Answers, clock: Clock) -> None:
    answers.on("findings", output=page("IN_PROGRESS"))
    with pytest.raises(StepError, match="scan-timeout"):
        scan(answers, clock)


@pytest.mark.parametrize("status", ["FAILED", "UNSUPPORTED_IMAGE", "ANYTHING_NEW"])
def test_a_scan_that_did_not_work_is_a_failure(
    answers: Answers, clock: Clock, status: str
) -> None:
    answers.on("findings", output=page(status))
    with pytest.raises(StepError, match=f"ended as {status}"):
        scan(answers, clock)


def test_a_scan_that_cannot_be_read_is_a_failure(
    answers: Answers, clock: Clock
) -> None:
    answers.on("findings", code=255, errors="AccessDeniedException")
    with pytest.raises(StepError, match="AccessDeniedException"):
        scan(answers, clock)


def test_an_emulators_findings_count_as_invented(
    answers: Answers, clock: Clock
) -> None:
    answers.on("findings", output=page(imageScanFindings={}))
    result = scan(answers, clock, emulated=True)
    assert not result.checked
    assert "invented" in result.why


# Trivy, where its database can be had.


DEBIAN = {"OS": {"Family": "debian", "Name": "12.13"}}


def test_reads_trivys_report(answers: Answers) -> None:
    found = {"VulnerabilityID": "CVE-2026-3", "Severity": "CRITICAL"}
    results = [{"Vulnerabilities": [found]}, {"Target": "no packages"}]
    report = {"Metadata": DEBIAN, "Results": results}
    answers.on("trivy", output=report)
    assert trivy_scan("image", answers).findings == (
        Finding("CVE-2026-3", "CRITICAL", ""),
    )


def test_trivy_without_results_found_nothing(answers: Answers) -> None:
    answers.on("trivy", output={"Metadata": DEBIAN, "Results": None})
    assert trivy_scan("image", answers) == Scan("Trivy")


@pytest.mark.parametrize(
    "metadata", [{}, None, {"OS": None}, {"OS": {}}, {"OS": {"Family": "none"}}]
)
def test_trivy_that_knows_no_operating_system_has_checked_nothing(
    answers: Answers, metadata: object
) -> None:
    answers.on("trivy", output={"Metadata": metadata, "Results": None})
    scan = trivy_scan("image", answers)
    assert not scan.checked
    assert "no operating system" in scan.why


def test_what_trivy_finds_without_an_operating_system_still_stops(
    answers: Answers,
) -> None:
    found = {"VulnerabilityID": "CVE-2026-3", "Severity": "CRITICAL"}
    answers.on("trivy", output={"Results": [{"Vulnerabilities": [found]}]})
    verdict = judged(Scan("ECR"), trivy_scan("image", answers))
    assert verdict.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "said",
    [
        "FATAL failed to download vulnerability DB: OCI artifact error",
        "DB error: failed to download artifact from any source: 2 errors occurred",
    ],
)
def test_trivy_without_its_database_has_checked_nothing(
    answers: Answers, said: str
) -> None:
    answers.on("trivy", code=1, errors=said)
    assert not trivy_scan("image", answers).checked


@pytest.mark.parametrize(
    "said",
    [
        "FATAL database error: page 7: invalid page type",
        "OCI artifact error: unexpected media type",
        "--skip-db-update: the first run cannot skip downloading DB",
    ],
)
def test_trivy_with_a_broken_database_is_a_failure(answers: Answers, said: str) -> None:
    answers.on("trivy", code=1, errors=said)
    with pytest.raises(StepError, match="trivy-failed"):
        trivy_scan("image", answers)


def test_trivy_that_is_not_there_has_checked_nothing() -> None:
    def nothing(command: object, stdin: str = "") -> Any:
        raise StepError("not-installed", "trivy is not installed")

    assert not trivy_scan("image", nothing).checked


@pytest.mark.parametrize(
    ("code", "output"), [(1, "unable to find the image"), (0, "no JSON")]
)
def test_trivy_that_broke_is_a_failure(
    answers: Answers, code: int, output: str
) -> None:
    answers.on("trivy", code=code, output=output)
    with pytest.raises(StepError, match="trivy-failed"):
        trivy_scan("image", answers)


def test_another_failure_of_the_runner_is_not_hidden() -> None:
    def broken(command: object, stdin: str = "") -> Any:
        raise StepError("other", "something else")

    with pytest.raises(StepError, match="other"):
        trivy_scan("image", broken)
