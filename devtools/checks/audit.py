"""The dependency audit: pip-audit as it stands, then the gate for its report."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from devtools.checks.check import PASSED, Outcome, Status, failed
from devtools.checks.execution import Command, verdict
from devtools.commands import running
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.processes import last_lines

NOT_CHECKED_STATUS = 3
# Locks that no pipeline audits, by whose they are: tools, tests, and what builds.
# A test holds them, and those of the components, against the files of the repository.
FURTHER_LOCKS = (
    ("addon", "odoo_addons/tms_management/requirements-dev.txt"),
    ("addon", "odoo_addons/tms_management/container/build-requirements.txt"),
    ("gps", "gps_ingestion_service/requirements-dev.txt"),
    ("devtools", "devtools/requirements/build.txt"),
    ("simulator", "simulator/requirements-dev.txt"),
    ("simulator", "simulator/requirements-data.txt"),
    ("delivery", "delivery/requirements-dev.txt"),
    ("delivery", "delivery/requirements-infrastructure.txt"),
    ("delivery", "delivery/requirements-platform.txt"),
    ("infrastructure", "requirements/infrastructure.txt"),
    ("infrastructure", "requirements/infrastructure-data.txt"),
    ("integration", "requirements/integration.txt"),
    ("repository", "requirements/image.txt"),
    ("repository", "requirements/workflows.txt"),
)


@dataclass
class AdvisoryService:
    """An OSV service over the records that ``ADVISORIES`` names, started when needed.

    :param source: folder or archive of records, None where a live service is asked.
    """

    layout: Layout
    log: Path
    source: Path | None = field(default_factory=lambda: _source())
    _lock: Lock = field(default_factory=Lock)
    _process: subprocess.Popen[str] | None = None
    _url: str = ""

    def variables(self) -> dict[str, str]:
        """Environment that points pip-audit and the gate to the records.

        :raises DevtoolsError: when the records cannot be served.
        """
        if self.source is None:
            return {}
        with self._lock:
            if self._process is None:
                self._start(self.source)
        return {
            "ADVISORIES": str(self.source),
            "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
            "PIP_AUDIT_OSV_URL": self._url,
        }

    def _start(self, source: Path) -> None:
        python = str(self.layout.python("delivery"))
        with self.log.open("wb") as errors:
            self._process = subprocess.Popen(
                [python, "-m", "delivery", "advisories", "serve", str(source)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=clean_environment(delivery_variables(self.layout)),
                start_new_session=True,
            )
        running.add(self._process)
        announced = self._process.stdout
        line = announced.readline().strip() if announced is not None else ""
        if not line:
            self._process.wait()
            lines = last_lines(self.log)
            raise DevtoolsError(f"{source} cannot be served", "see ADVISORIES", lines)
        self._url = line.rpartition(" ")[2]

    def close(self) -> None:
        """End the service, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            running.discard(self._process)
            self._process = None


def _source() -> Path | None:
    value = os.environ.get("ADVISORIES")
    return Path(value).resolve() if value else None


def delivery_variables(layout: Layout) -> dict[str, str]:
    """Environment in which ``python -m delivery`` is found."""
    return {"PYTHONPATH": str(layout.root / "delivery" / "src")}


@dataclass(frozen=True)
class AuditCheck:
    """Audits one lock.

    :param venv: the one that holds pip-audit.
    :param lock: file name in the folder.
    :param options: of pip-audit, beyond the command line that the pipelines have.
    """

    layout: Layout
    service: AdvisoryService
    folder: Path
    venv: Path
    lock: str = "requirements.txt"
    options: tuple[str, ...] = ()

    @property
    def allow_list(self) -> Path:
        """Advisories about this lock that are accepted for a time."""
        stem = Path(self.lock).stem
        name = "dependency" if stem == "requirements" else stem
        return self.folder / f"{name}-allow-list.toml"

    def __call__(self, log: Path) -> Outcome:
        report = log.with_suffix(".json")
        report.unlink(missing_ok=True)
        variables = self.service.variables()
        # Its exit status says nothing: it is 0 when every package was skipped, too.
        Command(
            ["pip-audit", "-r", self.lock, *self.options],
            cwd=self.folder,
            venv=self.venv,
            variables={
                **variables,
                "PIP_AUDIT_FORMAT": "json",
                "PIP_AUDIT_OUTPUT": str(report),
                "PIP_AUDIT_PROGRESS_SPINNER": "off",
                # pip-audit asks pip what it would install, next to pip, wheel and what
                # those need; without this a pin of one of them is never looked up.
                "PIP_IGNORE_INSTALLED": "1",
            },
        ).execute(log)
        status = self._gate(report, variables).execute(log)
        if status == 0:
            return PASSED
        reason = last_lines(log, 1)[0].removeprefix("dependency audit: ")
        if status == NOT_CHECKED_STATUS:
            return Outcome(Status.NOT_CHECKED, reason.removeprefix("NOT CHECKED: "))
        return failed(reason or verdict(status).note)

    def _gate(self, report: Path, variables: dict[str, str]) -> Command:
        argv = ["python", "-m", "delivery", "dependency-gate"]
        argv += ["--report", str(report), "--requirements", self.lock]
        if self.allow_list.is_file():
            argv += ["--allow-list", self.allow_list.name]
        return Command(
            argv,
            cwd=self.folder,
            venv=self.layout.venv("delivery"),
            variables={**variables, **delivery_variables(self.layout)},
        )
