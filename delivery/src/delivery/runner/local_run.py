"""One run of a pipeline or of a rollback, from the checkout to what is running."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from delivery.pipeline import change_plan
from delivery.pipeline.approval import read_approvers
from delivery.pipeline.process import Result
from delivery.pipeline.process import run as run_quietly
from delivery.pipeline.releases import LocalReleases, deployed_commits
from delivery.platform.kubectl import Kubectl
from delivery.platform.local import LocalPlatform
from delivery.runner import addresses, picture
from delivery.runner.act import Order, new_folder, run_workflow
from delivery.runner.advisories import served
from delivery.runner.approvals import Approver, Scripted, Terminal
from delivery.runner.build_inputs import build_options
from delivery.runner.components import ODOO, Component
from delivery.runner.errors import RunnerError
from delivery.runner.events import MAIN
from delivery.runner.machine import Machine
from delivery.runner.picture import ROLLBACK
from delivery.runner.progress import Progress
from delivery.runner.results import Run
from delivery.runner.source import check_out, git, uncommitted

POLICY = Path(".github/approvers.json")
#: Folders of earlier runs that are kept.
KEPT_RUNS = 20


@dataclass(frozen=True)
class Settings:
    """What whoever starts a run chooses.

    :param accept_unchecked: gates that may end NOT CHECKED, by commas.
    :param approve_as: approves in this name, recorded as scripted; empty: ask.
    :param event: empty: a push, or a manual dispatch where a push would do nothing.
    :param odoo_home: folder with an unpacked Odoo, for the addon's image.
    """

    actor: str
    ref: str = MAIN
    event: str = ""
    accept_unchecked: str = ""
    approve_as: str = ""
    advisories: Path | None = None
    odoo_home: Path | None = None


@dataclass(frozen=True)
class LocalRun:
    """Runs pipelines for what a repository's HEAD holds."""

    repository: Path
    machine: Machine
    platform: LocalPlatform
    settings: Settings
    out: TextIO = sys.stdout

    def pipeline(self, component: Component) -> bool:
        """Run the component's pipeline; answers whether everything is as it should."""
        folder, source = self._check_out()
        event = self.settings.event or self._event(component, source)
        reports = folder / "reports"
        reports.mkdir()
        with served(self.settings.advisories) as advisories:
            order = Order(
                source=source,
                workflow=component.workflow,
                event=event,
                ref=self.settings.ref,
                actor=self.settings.actor,
                variables=self._variables(component, source),
                environment={
                    **advisories,
                    "ACCEPT_UNCHECKED": self.settings.accept_unchecked,
                    "EXTRA_BUILD_OPTIONS": self._build_options(component, folder),
                    "REPORTS_DIR": str(reports),
                },
                group=component.name,
            )
            run = self._run(order, folder)
        return self._conclude(run, component)

    def rollback(self, component: Component, target: str) -> bool:
        """Bring production back to ``target``; answers whether it is there."""
        folder, source = self._check_out()
        order = Order(
            source=source,
            workflow=ROLLBACK,
            event="workflow_dispatch",
            ref=self.settings.ref,
            actor=self.settings.actor,
            inputs={"component": component.name, "target": target},
            variables=self._variables(component, source),
            group=component.name,
        )
        return self._conclude(self._run(order, folder), component)

    def _say(self, line: str = "") -> None:
        print(line, file=self.out, flush=True)

    def _check_out(self) -> tuple[Path, Path]:
        for old in sorted(self.machine.runs.glob("[0-9]*"))[: -KEPT_RUNS + 1]:
            shutil.rmtree(old)
        folder = new_folder(self.machine.runs)
        changed = uncommitted(self.repository)
        if changed:
            self._say(f"uncommitted changes are not delivered: {', '.join(changed)}")
        source = folder / "source"
        commit = check_out(self.repository, "HEAD", source)
        subject = git(source, "log", "-1", "--format=%s")
        self._say(f"run {folder.name}: commit {commit[:12]} {subject}")
        return folder, source

    def _event(self, component: Component, source: Path) -> str:
        """A push, unless its plan would be to do nothing."""
        log = LocalReleases(self.machine.releases)
        if self.settings.ref != MAIN:
            return "push"

        def in_source(command: Sequence[str], stdin: str = "") -> Result:
            return run_quietly(["git", "-C", str(source), *command[1:]], stdin)

        deployed = deployed_commits(log, component.name)
        changed = change_plan.changed_files(deployed, "HEAD", in_source)
        if changed is None:
            return "push"
        if change_plan.what_matters(changed, component.source_path).product:
            return "push"
        self._say(
            f"a push would deploy nothing, as nothing of {component.name} changed"
            " since it went to production: running all stages, by manual dispatch"
        )
        return "workflow_dispatch"

    def _variables(self, component: Component, source: Path) -> dict[str, str]:
        platform = self.machine.platform
        kubectl = Kubectl(Path(platform["KUBECONFIG"]))
        url = self.machine.environ.get(component.url_variable)
        return {
            "AWS_REGION": platform["AWS_REGION"],
            "ECR_REGISTRY": platform["ECR_REGISTRY"],
            component.url_variable: url
            or addresses.staging_address(self.platform, kubectl, component, source),
        }

    def _build_options(self, component: Component, folder: Path) -> str:
        image = ""
        if component is ODOO:
            if self.settings.odoo_home is None:
                raise RunnerError(
                    "name the folder of an unpacked Odoo with --odoo-home, such as"
                    " `python3 -m devtools odoo-home` prints"
                )
            image = self.platform.odoo_image(self.settings.odoo_home)
        return build_options(self.machine.environment(), folder, image)

    def _run(self, order: Order, folder: Path) -> Run:
        approver = self._approver(order.source, folder)
        return run_workflow(self.machine, order, folder, approver, Progress(self.out))

    def _approver(self, source: Path, folder: Path) -> Approver | None:
        approvers = read_approvers(source / POLICY, "production")
        chosen = self.settings.approve_as
        if chosen and (chosen not in approvers or chosen == self.settings.actor):
            raise RunnerError(
                f"{chosen} may not approve: name one of {', '.join(approvers)} who is"
                f" not {self.settings.actor}, who started the run"
            )
        if chosen:
            return Scripted(chosen)
        if sys.stdin.isatty():
            return Terminal(approvers, sys.stdin.fileno(), self.out)
        self._say(
            "no terminal to ask at: Production Approval waits for"
            f" LOCAL_APPROVALS_DIR={folder / 'approvals'} python -m delivery.pipeline"
            f" approve --run-id {folder.name} --as APPROVER"
        )
        return None

    def _conclude(self, run: Run, component: Component) -> bool:
        """Show what the run came to; a stage that could not be seen is no success."""
        self._say(f"\n{picture.draw(run)}")
        if not run.passed:
            for hint in hints(run):
                self._say(hint)
            return False
        last = picture.last_stage(run)
        if last == picture.STAGES[-1]:
            return self._show_deployment(run, component)
        self._say(f"ended after {last or 'its plan'}: nothing went to production")
        return True

    def _show_deployment(self, run: Run, component: Component) -> bool:
        answers = [
            self._show_address(component, environment)
            for environment in ("staging", "production")
            if run.workflow != ROLLBACK or environment == "production"
        ]
        place = self.machine.releases / component.name / "production"
        record = next(place.glob(f"*-{run.id}.json"))
        self._say(f"release record {record}\n{record.read_text(encoding='utf-8')}")
        return all(answers)

    def _show_address(self, component: Component, environment: str) -> bool:
        url = addresses.address(self.platform, component, environment)
        found = addresses.problem(f"{url}{component.ready}")
        self._say(f"{environment:10}  {url}  {found or 'answers'}")
        return not found


def hints(run: Run) -> Iterator[str]:
    """What to do about a run that failed, where its errors tell."""
    gates = [
        line.partition(" ")[0]
        for job in run.jobs
        for step in job.steps
        for line in step.errors
        if "NOT CHECKED" in line
    ]
    if gates:
        yield (
            f"{', '.join(gates)} NOT CHECKED ends a run. To go on without, and have it"
            " written into the approval and the release record:"
            " --accept-unchecked=dependencies,image"
        )
