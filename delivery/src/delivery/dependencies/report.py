"""pip-audit's JSON report.

Format: the JSON that pip-audit writes with ``PIP_AUDIT_FORMAT=json``, see its README.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name


class ReportError(Exception):
    """There is no report to judge; the message says why."""


@dataclass(frozen=True)
class Finding:
    """One advisory that affects one audited package.

    :param identifiers: the advisory's id and its other names (CVE, GHSA).
    :param fixed_in: releases without it, oldest first; may be empty.
    """

    package: str
    version: str
    identifiers: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fix = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix"
        return f"{self.package} {self.version}: {' = '.join(self.identifiers)} ({fix})"


@dataclass(frozen=True)
class AuditReport:
    """What pip-audit looked at and what it found.

    :param audited: version by normalised name, of packages that were looked up.
    :param skipped: reason by normalised name, of packages that were not.
    """

    audited: dict[str, str]
    skipped: dict[str, str]
    findings: tuple[Finding, ...]

    @classmethod
    def read(cls, path: Path) -> AuditReport:
        """Read a report.

        :raises ReportError: when the file is missing, empty or of another form.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            audited: dict[str, str] = {}
            skipped: dict[str, str] = {}
            findings: list[Finding] = []
            for entry in content["dependencies"]:
                name = str(canonicalize_name(entry["name"]))
                if "version" not in entry:
                    skipped[name] = str(entry.get("skip_reason", "no reason given"))
                    continue
                audited[name] = str(entry["version"])
                findings += [
                    Finding(
                        name,
                        audited[name],
                        (vuln["id"], *vuln.get("aliases", ())),
                        tuple(vuln.get("fix_versions", ())),
                    )
                    for vuln in entry["vulns"]
                ]
        except OSError as error:
            raise ReportError(
                f"pip-audit wrote no report ({error.strerror})"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReportError(f"{path} is not a report of pip-audit") from error
        return cls(audited, skipped, tuple(findings))
