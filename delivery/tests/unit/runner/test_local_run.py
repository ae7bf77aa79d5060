"""`make pipeline` around act: events, approvers, what is shown, the exit status."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from delivery.pipeline.releases import ENVIRONMENTS, LocalReleases, Release
from delivery.platform.errors import PlatformError
from delivery.platform.kubectl import Kubectl
from delivery.platform.local import LocalPlatform
from delivery.runner import cli, local_run
from delivery.runner.act import Order
from delivery.runner.approvals import Scripted, Terminal
from delivery.runner.components import GPS, ODOO, Component
from delivery.runner.errors import RunnerError
from delivery.runner.local_run import LocalRun, Settings, hints
from delivery.runner.machine import Machine
from delivery.runner.picture import STAGES
from delivery.runner.results import Conclusion, Job, Run
from delivery.runner.source import git

from .conftest import DIGEST, START, commit_all


class Ready(BaseHTTPRequestHandler):
    """Answers as a component that is ready does."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200 if self.path in (GPS.ready, ODOO.ready) else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Platform:
    """A platform on which the components that were deployed answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.deployed = True
        self.odoo: list[Path] = []

    def service_url(self, namespace: str, service: str, port: str | None) -> str:
        """Where the component answers."""
        if not self.deployed:
            raise PlatformError(f"looking up {service}: not found")
        return self.url

    def odoo_image(self, home: Path) -> str:
        """An image of what is in a folder."""
        self.odoo.append(home)
        return "127.0.0.1:5000/platform/odoo:19.0-abc"


class Here:
    """A repository with a pipeline that nobody really runs, and what came of it."""

    def __init__(self, repository: Path, platform: Platform, tmp_path: Path) -> None:
        self.repository = repository
        self.platform = platform
        self.out = io.StringIO()
        self.orders: list[tuple[Order, object]] = []
        self.fails_in: str | None = None
        self.stages: tuple[str, ...] = STAGES
        variables = {
            "AWS_REGION": "eu-central-1",
            "BASE_IMAGE": "127.0.0.1:5000/platform/python:1",
            "ECR_REGISTRY": "127.0.0.1:5000",
            "KUBECONFIG": str(tmp_path / "kubeconfig"),
            "PATH": str(tmp_path / "bin"),
        }
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        self.machine = Machine(tmp_path / "cache", variables, environ, tmp_path)

    def local(self, **settings: Any) -> LocalRun:
        """A local run with these settings."""
        chosen = Settings(**{"actor": "alice", "approve_as": "devops-lead", **settings})
        platform: Any = self.platform
        return LocalRun(self.repository, self.machine, platform, chosen, self.out)

    def run(
        self, machine: Machine, order: Order, folder: Path, approver: object, _: object
    ) -> Run:
        """Stand in for act: every stage passes but the one that was chosen."""
        self.orders.append((order, approver))
        jobs: list[Job] = []
        for name in self.stages:
            failed = name == self.fails_in
            end = Conclusion.FAILURE if failed else Conclusion.SUCCESS
            ended = START + timedelta(seconds=len(jobs) + 1)
            jobs.append(Job(name, end, START, ended, "job", (), (), folder))
            if failed:
                break
        passed = self.fails_in is None
        commit = git(order.source, "rev-parse", "HEAD")
        if passed and self.stages == STAGES:
            record(self.machine, commit, folder.name)
        return Run(
            folder.name,
            order.workflow,
            order.event,
            order.ref,
            commit,
            0 if passed else 1,
            START,
            ended,
            tuple(jobs),
            folder,
        )


def record(machine: Machine, commit: str, run: str) -> None:
    """Record a deployment to staging, and to production after it."""
    about = ("success", run, "alice", "2026-11-23T22:00:00Z")
    for environment in ENVIRONMENTS:
        release = Release(GPS.name, environment, DIGEST, commit, "release", *about)
        LocalReleases(machine.releases).record(release)


@pytest.fixture
def here(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Here]:
    """A repository in which nothing was deployed so far."""
    approvers = {"production": {"approvers": ["project-lead", "devops-lead"]}}
    (repository / ".github" / "approvers.json").write_text(json.dumps(approvers))
    (repository / GPS.source_path).mkdir()
    (repository / GPS.source_path / "app.py").touch()
    commit_all(repository, "Add the service")
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        worker = Thread(target=server.serve_forever, daemon=True)
        worker.start()
        platform = Platform(f"http://127.0.0.1:{server.server_port}")
        made = Here(repository, platform, tmp_path)
        monkeypatch.setattr(local_run, "run_workflow", made.run)
        yield made
        server.shutdown()
        worker.join()


def test_a_first_run_is_a_push_to_main_of_what_is_committed(here: Here) -> None:
    (here.repository / GPS.source_path / "app.py").write_text("not committed")
    assert here.local(accept_unchecked="image").pipeline(GPS)
    ((order, approver),) = here.orders
    assert (order.workflow, order.event) == ("pl-gps-001.yml", "push")
    assert (order.source / GPS.source_path / "app.py").read_text() == ""
    assert order.variables["STAGING_GPS_URL"] == here.platform.url
    assert order.environment["ACCEPT_UNCHECKED"] == "image"
    assert "BASE_IMAGE=" in order.environment["EXTRA_BUILD_OPTIONS"]
    assert approver == Scripted("devops-lead")
    shown = here.out.getvalue()
    warning = "uncommitted changes are not delivered: gps_ingestion_service/app.py"
    assert warning in shown


def test_the_end_shows_stages_addresses_and_the_release_record(here: Here) -> None:
    assert here.local().pipeline(GPS)
    shown = here.out.getvalue()
    assert "pl-gps-001 PASSED" in shown
    assert f"production  {here.platform.url}  answers" in shown
    assert '"approved_by"' in shown


def test_what_is_in_production_already_runs_by_manual_dispatch(here: Here) -> None:
    record(here.machine, git(here.repository, "rev-parse", "HEAD"), "1")
    assert here.local().pipeline(GPS)
    ((order, _),) = here.orders
    assert order.event == "workflow_dispatch"
    assert "running all stages, by manual dispatch" in here.out.getvalue()


def test_a_change_since_the_last_deployment_is_a_push(here: Here) -> None:
    record(here.machine, git(here.repository, "rev-parse", "HEAD~1"), "1")
    assert here.local().pipeline(GPS)
    assert here.orders[0][0].event == "push"


def test_another_event_and_ref_can_be_chosen(here: Here) -> None:
    here.stages = STAGES[:2]
    local = here.local(ref="refs/heads/topic", event="workflow_dispatch")
    assert local.pipeline(GPS)
    order = here.orders[0][0]
    assert (order.ref, order.event) == ("refs/heads/topic", "workflow_dispatch")
    shown = here.out.getvalue()
    assert "release record" not in shown
    assert "ended after Unit Test & Coverage: nothing went to production" in shown
    assert here.local(ref="refs/tags/v1.0.0").pipeline(GPS)
    assert here.orders[1][0].event == "push"


def test_a_run_whose_plan_is_to_do_nothing_says_so(here: Here) -> None:
    here.stages = ("Plan",)
    assert here.local().pipeline(GPS)
    assert "ended after its plan: nothing went to production" in here.out.getvalue()


def test_a_stage_that_failed_fails_the_run(here: Here) -> None:
    here.fails_in = "Deploy to Production"
    assert not here.local().pipeline(GPS)
    assert "pl-gps-001 FAILED" in here.out.getvalue()


def test_a_deployment_that_does_not_answer_fails_the_run(here: Here) -> None:
    silent = dataclasses.replace(GPS, ready="/nowhere")
    assert not here.local().pipeline(silent)
    assert "answers 404" in here.out.getvalue()


def test_the_addon_s_image_is_built_from_the_odoo_that_is_named(
    here: Here, tmp_path: Path
) -> None:
    here.stages = STAGES[:2]
    assert here.local(odoo_home=tmp_path).pipeline(ODOO)
    assert here.platform.odoo == [tmp_path]
    options = here.orders[0][0].environment["EXTRA_BUILD_OPTIONS"]
    assert "ODOO_SERIES=19.0" in options
    with pytest.raises(RunnerError, match="--odoo-home"):
        here.local().pipeline(ODOO)


def test_a_first_run_makes_the_service_that_the_tests_will_ask(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.platform.deployed = False
    applied: list[Any] = []
    rendered = "kind: Service\nmetadata: {name: gps-ingestion-service}\n"
    monkeypatch.setattr(Kubectl, "__call__", lambda self, *words, **more: rendered)

    def apply(self: Kubectl, objects: list[Any], purpose: str) -> None:
        applied.extend(objects)
        here.platform.deployed = True

    monkeypatch.setattr(Kubectl, "apply", apply)
    assert here.local().pipeline(GPS)
    (service,) = applied
    assert service["metadata"] == {"name": GPS.name, "namespace": "tms-staging"}


def test_a_rollback_dispatches_its_workflow(here: Here) -> None:
    here.stages = STAGES
    assert here.local().rollback(GPS, "previous")
    order = here.orders[0][0]
    assert (order.workflow, order.event) == ("rollback.yml", "workflow_dispatch")
    assert order.inputs == {"component": GPS.name, "target": "previous"}
    shown = here.out.getvalue()
    assert "\nproduction  " in shown
    assert "\nstaging" not in shown


@pytest.mark.parametrize("name", ["bob", "alice"])
def test_who_may_not_approve_is_told_before_anything_runs(
    here: Here, name: str
) -> None:
    with pytest.raises(RunnerError, match=f"{name} may not approve"):
        here.local(approve_as=name).pipeline(GPS)
    assert here.orders == []


def test_without_a_terminal_the_gate_waits_for_the_command(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert here.local(approve_as="").pipeline(GPS)
    assert here.orders[0][1] is None
    assert "approve --run-id" in here.out.getvalue()


def test_at_a_terminal_a_person_is_asked(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal, os.fdopen(ours):
        monkeypatch.setattr("sys.stdin", terminal)
        assert here.local(approve_as="").pipeline(GPS)
    approver = here.orders[0][1]
    assert isinstance(approver, Terminal)
    assert approver.approvers == ("project-lead", "devops-lead")


def test_old_runs_are_deleted(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_run, "KEPT_RUNS", 2)
    for name in ("100", "101", "102"):
        (here.machine.runs / name).mkdir(parents=True)
    assert here.local().pipeline(GPS)
    kept = sorted(folder.name for folder in here.machine.runs.glob("[0-9]*"))
    assert kept[0] == "102"
    assert len(kept) == 2


def test_a_gate_that_could_not_look_says_how_to_go_on(recorded: Run) -> None:
    assert list(hints(recorded)) == []
    job = recorded.jobs[1]
    step = dataclasses.replace(
        job.steps[-1], errors=("dependencies NOT CHECKED: name it",)
    )
    ended = dataclasses.replace(job, steps=(step,))
    (line,) = hints(dataclasses.replace(recorded, jobs=(ended,)))
    assert line.startswith("dependencies NOT CHECKED ends a run.")
    assert "--accept-unchecked=" in line


def test_only_root_runs_pipelines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["run", "gps"], {}) == 1
    assert "run this as root" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required: command"),
        (["run"], "required: COMPONENT"),
        (["run", "map"], "'map' is no component: gps (gps-ingestion-service) or odoo"),
        (["run", "gps", "--event", "merge"], "invalid choice: 'merge'"),
        (["rollback"], "required: COMPONENT"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(words, {})
    assert said in capsys.readouterr().err


@pytest.fixture
def up(here: Here, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, Any]]:
    """What the command line starts on a platform that is up."""
    started: list[tuple[Settings, Any]] = []

    class Local:
        """Notes what it is asked to run; the addon fails."""

        def __init__(self, *parts: Any) -> None:
            self.settings = parts[-1]

        def pipeline(self, component: Component) -> bool:
            """Note it."""
            started.append((self.settings, component))
            return component is GPS

        def rollback(self, component: Component, target: str) -> bool:
            """Note it."""
            started.append((self.settings, (component, target)))
            if target == "interrupted":
                raise KeyboardInterrupt
            return True

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(LocalPlatform, "up", lambda self: None)
    monkeypatch.setattr(Machine, "of_checkout", lambda checkout, environ: here.machine)
    monkeypatch.setattr(cli, "LocalRun", Local)
    return started


def test_both_pipelines_run_even_if_the_first_fails(
    up: list[tuple[Settings, Any]], tmp_path: Path
) -> None:
    environ = {"USER": "ann", "TMS_PLATFORM_DIR": "/nowhere"}
    assert cli.main(["run", "odoo", "gps", "--odoo-home", "/odoo"], environ) == 1
    assert [component for _, component in up] == [ODOO, GPS]
    assert up[0][0] == Settings(actor="ann", odoo_home=Path("/odoo"))


def test_options_reach_the_run(up: list[tuple[Settings, Any]]) -> None:
    environ = {"ADVISORIES": "/records", "TMS_PLATFORM_DIR": "/nowhere"}
    words = ["run", "gps-ingestion-service", "--actor", "bob", "--approve-as", "lead"]
    words += ["--accept-unchecked=image", "--ref", "refs/tags/v1.0.0"]
    assert cli.main(words, environ) == 0
    assert up[0][0] == Settings(
        actor="bob",
        ref="refs/tags/v1.0.0",
        accept_unchecked="image",
        approve_as="lead",
        advisories=Path("/records"),
    )


def test_a_rollback_goes_to_the_previous_image_by_default(
    up: list[tuple[Settings, Any]],
) -> None:
    environ = {"TMS_PLATFORM_DIR": "/nowhere"}
    assert cli.main(["rollback", "tms-odoo"], environ) == 0
    assert up[0][1] == (ODOO, "previous")


def test_an_interruption_has_a_status_of_its_own(
    up: list[tuple[Settings, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"TMS_PLATFORM_DIR": "/nowhere"}
    words = ["rollback", "tms-odoo", "--target", "interrupted"]
    assert cli.main(words, environ) == 130
    assert "interrupted" in capsys.readouterr().err
