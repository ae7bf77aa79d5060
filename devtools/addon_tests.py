"""The addon's own tests on a real Odoo, with their coverage."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.checks.junit import Skip, read_suites
from devtools.checks.skips import read_reviewed, unreviewed
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_log import find_problems
from devtools.odoo_server import DATABASE, OdooServer
from devtools.odoo_tree import OdooTree
from devtools.ports import Ports
from devtools.postgres import Cluster, find_binaries
from devtools.templates import Template, TemplateStore

COVERAGE_MINIMUM = 80
# As the reviewed list of skips has it.
CHECK = "addon tests"


@dataclass(frozen=True)
class AddonTestResult:
    """What came out of one run.

    :param skipped: tests that were skipped.
    :param unreviewed: those of them that nobody has agreed to.
    :param coverage: percent of lines and branches, None where it was not measured.
    :param log_problems: lines of Odoo's log that nobody has reviewed.
    :param status: exit status of pytest.
    """

    series: str
    origin: str
    tests: int
    failures: int
    skipped: tuple[Skip, ...]
    unreviewed: tuple[Skip, ...]
    seconds: float
    coverage: float | None
    log_problems: tuple[str, ...]
    status: int
    junit: Path

    @property
    def passed(self) -> bool:
        """Whether what there is ran, nothing failed, and enough is covered."""
        covered = self.coverage is not None and self.coverage >= COVERAGE_MINIMUM
        ran = self.tests > len(self.skipped) and not self.unreviewed
        return self.status == 0 and ran and covered and not self.log_problems

    def summary(self) -> str:
        """One line for people, and below it what nobody has reviewed."""
        coverage = "none" if self.coverage is None else f"{self.coverage:.1f} %"
        verdict = "passed" if self.passed else "FAILED"
        line = (
            f"addon tests {verdict} on Odoo {self.series} ({self.origin}): "
            f"{self.tests} tests, {self.failures} failures, "
            f"{len(self.skipped)} skipped, coverage {coverage}, {self.seconds:.0f} s"
        )
        line += "".join(f"\n  skipped without review: {s}" for s in self.unreviewed)
        if not self.log_problems:
            return line
        # The time in front of a line hides that it is always the same.
        distinct = dict.fromkeys(_undated(line) for line in self.log_problems)
        shown = "\n".join(f"    {problem}" for problem in [*distinct][:40])
        return f"{line}\n  problems in Odoo's log:\n{shown}"


def run_addon_tests(
    layout: Layout,
    tree: OdooTree,
    *,
    arguments: Sequence[str] = (),
    reports: Path | None = None,
) -> AddonTestResult:
    """Run the addon's tests in its Source Path against a copy of the template.

    pytest's output goes to the terminal; ``coverage.xml`` is left in the Source Path.

    :param arguments: further ones for pytest, such as the path of one test.
    :param reports: folder for JUnit XML and Odoo's log, by default ``reports/``.
    :raises DevtoolsError: when the tests cannot be started.
    """
    reports = reports or layout.root / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    template = TemplateStore(layout, tree).ensure(print)
    folder = layout.run / f"addon-{tree.series}-{os.getpid()}"
    junit = reports / f"addon-{tree.series}.xml"
    log = reports / f"addon-{tree.series}-odoo.log"
    junit.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    try:
        status = _run_on_copy(layout, tree, template, folder, junit, log, arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not junit.is_file():
        raise DevtoolsError(f"pytest ended with status {status} before any test")
    text = log.read_text(errors="replace") if log.is_file() else ""
    return _read_result(layout, tree, status, junit, tuple(find_problems(text)))


def _run_on_copy(
    layout: Layout,
    tree: OdooTree,
    template: Template,
    folder: Path,
    junit: Path,
    log: Path,
    arguments: Sequence[str],
) -> int:
    ports = Ports.free()
    cluster = Cluster(
        binaries=find_binaries(layout.venv("gps")),
        data=folder / "pgdata",
        port=ports.postgres,
        log=folder / "postgres.log",
        password=template.password,
        durable=False,
    )
    server = OdooServer(
        tree=tree,
        python=layout.python("odoo"),
        folder=folder / "odoo",
        extra_addons=layout.addon.parent,
        environment={},
    )
    template.copy_to(cluster.data, server.filestore)
    server.configure(
        postgres_port=ports.postgres,
        http_port=ports.odoo,
        password=template.password,
        master=secrets.token_urlsafe(24),
        log=log,
    )
    process = cluster.start()
    try:
        return _pytest(layout, server, junit, arguments)
    finally:
        cluster.stop(process)


def _pytest(
    layout: Layout, server: OdooServer, junit: Path, arguments: Sequence[str]
) -> int:
    command = [
        str(server.python),
        "-m",
        "pytest",
        f"--odoo-config={server.config_file}",
    ]
    command += [f"--odoo-database={DATABASE}", "--odoo-http", "--odoo-log-level=warn"]
    command += ["--cov=./", "--cov-report=xml", f"--junitxml={junit}", *arguments]
    environment = server.process_environment
    return subprocess.run(
        command, cwd=layout.addon, env=environment, check=False
    ).returncode


def _read_result(
    layout: Layout,
    tree: OdooTree,
    status: int,
    junit: Path,
    log_problems: tuple[str, ...],
) -> AddonTestResult:
    suite = read_suites([junit])
    return AddonTestResult(
        series=tree.series,
        origin=tree.origin,
        tests=suite.executed + len(suite.skips),
        failures=suite.failed,
        skipped=suite.skips,
        unreviewed=tuple(unreviewed(CHECK, suite.skips, read_reviewed())),
        seconds=suite.seconds,
        coverage=_coverage(layout),
        log_problems=log_problems,
        status=status,
        junit=junit,
    )


def _undated(line: str) -> str:
    return re.sub(r"^\S+ \S+ \d+ (?=[A-Z]+ )", "", line)


def _coverage(layout: Layout) -> float | None:
    """Total of the coverage report in the addon's Source Path, in percent."""
    done = subprocess.run(
        [str(layout.python("odoo")), "-m", "coverage", "report", "--precision=2"],
        cwd=layout.addon,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^TOTAL\s.*?([\d.]+)%\s*$", done.stdout, re.MULTILINE)
    return float(found[1]) if found else None
