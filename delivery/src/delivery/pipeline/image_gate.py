"""The gate on an image's vulnerabilities: zero CRITICAL, or it does not go on.

It fails closed: a scan that is late, broken or incomplete is a failure. A scanner that
invents its findings (an emulated registry) or has no data is said to have checked
nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from delivery.allow_list import Allowance
from delivery.pipeline.errors import StepError
from delivery.pipeline.process import Result, Runner
from delivery.verdict import Outcome, Verdict

POLL_S = 5.0
CRITICAL = "CRITICAL"
_FINISHED = {"COMPLETE", "ACTIVE"}
_RUNNING = {"IN_PROGRESS", "PENDING"}
# Trivy had the address of its database, and could not have it from there. Any other
# trouble with the database is a scanner that is broken, and no excuse.
_NO_DATA = (
    "failed to download vulnerability DB",
    "failed to download artifact from any source",
)


@dataclass(frozen=True)
class Finding:
    """One vulnerability in one package of the image."""

    identifier: str
    severity: str
    package: str = ""


@dataclass(frozen=True)
class Scan:
    """What one scanner says.

    :param checked: False where it had nothing real to look with; ``why`` says so.
    """

    scanner: str
    findings: tuple[Finding, ...] = ()
    checked: bool = True
    why: str = ""

    def to_text(self) -> str:
        """For a file between two steps."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Scan:
        """What :meth:`to_text` wrote.

        :raises StepError: it is something else
        """
        try:
            document = json.loads(text)
            findings = tuple(Finding(**item) for item in document.pop("findings"))
            return cls(findings=findings, **document)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StepError(
                "scan-unreadable", f"this is no scan's result: {error}"
            ) from error


def decide(
    scans: Sequence[Scan], image: str, allowances: Iterable[Allowance]
) -> Verdict:
    """Judge what the scanners found; each that was asked has to have looked.

    They see different things: ECR's basic scan knows no package but the system's.

    :param image: name of the image, whose allowances alone count.
    """
    allowed = {item.identifier: item for item in allowances if item.subject == image}
    lines: list[str] = []
    open_findings = 0
    for scan in scans:
        critical = _critical(scan)
        for identifier, package in critical:
            allowance = allowed.get(identifier)
            if allowance is None:
                open_findings += 1
                line = f"{scan.scanner}: {CRITICAL} {identifier} {package}"
            else:
                line = (
                    f"{scan.scanner}: {identifier} allowed until {allowance.expires} "
                    f"by {allowance.owner}: {allowance.reason}"
                )
            lines.append(line.strip())
        if not scan.checked:
            lines.append(f"{scan.scanner}: NOT CHECKED: {scan.why}")
        elif not critical:
            count = len(scan.findings)
            lines.append(f"{scan.scanner}: no {CRITICAL} among {count} findings")
    if open_findings:
        reason = f"{open_findings} {CRITICAL} must be mended or allowed"
        return Verdict(Outcome.FAILED, reason, tuple(lines))
    blind = [scan.scanner for scan in scans if not scan.checked]
    if scans and not blind:
        return Verdict(Outcome.CLEAN, f"no open {CRITICAL}", tuple(lines))
    reason = f"{' and '.join(blind) or 'nobody'} had no real data to look with"
    return Verdict(Outcome.NOT_CHECKED, reason, tuple(lines))


def _critical(scan: Scan) -> list[tuple[str, str]]:
    """Identifier and package of each critical finding, once."""
    return sorted(
        {
            (item.identifier, item.package)
            for item in scan.findings
            if item.severity.upper() == CRITICAL
        }
    )


def is_emulated(environment: Mapping[str, str]) -> bool:
    """Whether the AWS endpoint is somebody's emulator, whose findings are invented."""
    for name in ("AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"):
        url = environment.get(name, "")
        if url:
            host = urlsplit(url).hostname or ""
            return not host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return False


def _page(repository: str, digest: str, token: str, runner: Runner) -> Result:
    command = ["aws", "ecr", "describe-image-scan-findings", "--output", "json"]
    command += ["--repository-name", repository, "--image-id", f"imageDigest={digest}"]
    command += ["--no-paginate", "--max-results", "1000"]
    return runner([*command, "--next-token", token] if token else command)


def ecr_scan(
    repository: str,
    digest: str,
    runner: Runner,
    timeout_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    emulated: bool = False,
    since: dt.datetime | None = None,
) -> Scan:
    """Wait for the registry's scan of ``digest`` and read every page of it.

    :param since: a scan that was complete before is an earlier one's result, which the
        registry shows until the new one ends. An emulator's times mean nothing.
    :raises StepError: it failed, did not end in ``timeout_s``, or lost findings
    """
    deadline = clock() + timeout_s
    while True:
        first = _parsed(_page(repository, digest, "", runner))
        status = first.get("imageScanStatus", {}).get("status", "PENDING")
        if status in _FINISHED and (emulated or not _earlier(first, since)):
            break
        if status not in _RUNNING | _FINISHED:
            raise StepError("scan-failed", f"the scan of {digest} ended as {status}")
        if clock() >= deadline:
            raise StepError(
                "scan-timeout",
                f"no result of the scan of {digest} in {timeout_s:.0f} s",
            )
        sleep(POLL_S)
    findings = _findings(first)
    counts = first.get("imageScanFindings", {}).get("findingSeverityCounts", {})
    token = first.get("nextToken", "")
    while token:
        page = _parsed(_page(repository, digest, token, runner))
        findings += _findings(page)
        token = page.get("nextToken", "")
    read = sum(1 for item in findings if item.severity == CRITICAL)
    if read != counts.get(CRITICAL, 0):
        raise StepError(
            "findings-lost",
            f"the scan counts {counts.get(CRITICAL, 0)} {CRITICAL}, {read} were read",
        )
    why = (
        "the registry's API is emulated, its findings are invented" if emulated else ""
    )
    return Scan("ECR", tuple(findings), checked=not emulated, why=why)


def _earlier(page: Mapping[str, Any], since: dt.datetime | None) -> bool:
    """Whether the result is of a scan before ``since``, or of nobody knows when.

    A continuous scan (ACTIVE) is never complete, and always of now.
    """
    if since is None or page["imageScanStatus"]["status"] != "COMPLETE":
        return False
    completed = page.get("imageScanFindings", {}).get("imageScanCompletedAt")
    if completed is None:
        return True
    # One version of the AWS CLI prints seconds, the other ISO 8601.
    if isinstance(completed, int | float):
        return dt.datetime.fromtimestamp(completed, dt.UTC) < since
    return dt.datetime.fromisoformat(completed) < since


def _parsed(result: Result) -> dict[str, Any]:
    """A page; a scan that is not known yet has just been started."""
    if result.code != 0:
        if "ScanNotFoundException" in result.text:
            return {}
        raise StepError(
            "scan-unreadable", f"the scan cannot be read: {result.text.strip()}"
        )
    page: dict[str, Any] = json.loads(result.output)
    return page


def _findings(page: Mapping[str, Any]) -> list[Finding]:
    found = page.get("imageScanFindings", {})
    basic = [
        Finding(
            identifier=item.get("name", "unnamed"),
            severity=item.get("severity", "UNDEFINED"),
            package=_attribute(item, "package_name"),
        )
        for item in found.get("findings", [])
    ]
    enhanced = [
        Finding(
            identifier=item.get("packageVulnerabilityDetails", {}).get(
                "vulnerabilityId", item.get("title", "unnamed")
            ),
            severity=item.get("severity", "UNDEFINED"),
        )
        for item in found.get("enhancedFindings", [])
    ]
    return basic + enhanced


def _attribute(item: Mapping[str, Any], key: str) -> str:
    for attribute in item.get("attributes", []):
        if attribute.get("key") == key:
            return str(attribute.get("value", ""))
    return ""


def trivy_scan(image: str, runner: Runner) -> Scan:
    """Scan an image that the local engine has, without any registry's help.

    In an image whose operating system it does not know, Trivy looks at none of the
    packages of that system, and reports no finding among them.

    :raises StepError: the scanner failed for another reason than missing data
    """
    command = ["trivy", "image", "--quiet", "--format", "json", "--scanners", "vuln"]
    command += ["--image-src", "docker"]
    try:
        result = runner([*command, image])
    except StepError as error:
        if error.code != "not-installed":
            raise
        return Scan("Trivy", checked=False, why="it is not installed here")
    if result.code != 0:
        if any(sign in result.text for sign in _NO_DATA):
            return Scan("Trivy", checked=False, why="its database cannot be had here")
        raise StepError("trivy-failed", f"Trivy failed: {result.text.strip()}")
    try:
        report = json.loads(result.output)
    except json.JSONDecodeError as error:
        raise StepError("trivy-failed", f"Trivy printed no JSON: {error}") from error
    found = [
        Finding(item["VulnerabilityID"], item["Severity"], item.get("PkgName", ""))
        for part in report.get("Results") or []
        for item in part.get("Vulnerabilities") or []
    ]
    if _operating_system(report) in ("", "none"):
        why = (
            "it knows no operating system in the image, and looked at no package of it"
        )
        return Scan("Trivy", tuple(found), checked=False, why=why)
    return Scan("Trivy", tuple(found))


def _operating_system(report: Mapping[str, Any]) -> str:
    """The family that Trivy recognised, such as ``debian``; empty: none."""
    system = (report.get("Metadata") or {}).get("OS") or {}
    return str(system.get("Family", ""))
