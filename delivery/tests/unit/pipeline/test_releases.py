"""One record per deployment, in files or on GitHub, behind one interface."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from delivery.pipeline.errors import StepError
from delivery.pipeline.github import GitHub
from delivery.pipeline.releases import (
    PAGE,
    GitHubReleases,
    LocalReleases,
    Release,
    last_success,
    outcome_of,
    release_log,
    released_tag,
    timestamp,
)

from .conftest import DIGEST, OTHER

RELEASE = Release(
    component="tms-odoo",
    environment="production",
    digest=DIGEST,
    commit="c" * 40,
    kind="release",
    outcome="success",
    run="17",
    actor="dev-alice",
    finished_at="2026-11-23T10:00:00Z",
    approved_by="devops-lead",
    unchecked=("image",),
)
LATER = dataclasses.replace(
    RELEASE, digest=OTHER, run="18", finished_at="2026-11-23T11:00:00Z"
)


@pytest.fixture
def local(tmp_path: Path) -> LocalReleases:
    return LocalReleases(tmp_path / "releases")


def test_remembers_the_last_success(local: LocalReleases) -> None:
    local.record(RELEASE)
    local.record(LATER)
    assert last_success(local, "tms-odoo", "production") == LATER


def test_a_failed_deployment_is_recorded_but_is_not_what_runs(
    local: LocalReleases,
) -> None:
    failed = dataclasses.replace(LATER, outcome="failure")
    local.record(RELEASE)
    local.record(failed)
    assert last_success(local, "tms-odoo", "production") == RELEASE
    assert list(local.history("tms-odoo", "production")) == [failed, RELEASE]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("success", "success"), ("failure", "failure"), ("cancelled", "failure")],
)
def test_a_deployment_that_was_cut_short_has_failed(status: str, outcome: str) -> None:
    assert outcome_of(status) == outcome


def test_components_and_environments_are_kept_apart(local: LocalReleases) -> None:
    local.record(RELEASE)
    assert last_success(local, "tms-odoo", "staging") is None
    assert last_success(local, "gps-ingestion-service", "production") is None


def test_a_record_is_written_once(local: LocalReleases) -> None:
    local.record(RELEASE)
    with pytest.raises(StepError, match="release-exists"):
        local.record(RELEASE)


def test_what_is_no_record_is_an_error() -> None:
    with pytest.raises(StepError, match="a record is broken"):
        Release.from_json({"component": "tms-odoo"})


def test_a_record_without_an_image_is_an_error() -> None:
    with pytest.raises(StepError, match="not-a-digest"):
        Release.from_json({**RELEASE.to_json(), "digest": "latest"})


def test_times_are_utc() -> None:
    moment = dt.datetime(
        2026, 11, 23, 15, 30, tzinfo=dt.timezone(dt.timedelta(hours=5.5))
    )
    assert timestamp(moment) == "2026-11-23T10:00:00Z"
    assert released_tag(moment) == "released-20261123T100000Z"


# On GitHub, spoken to over a real socket.


class FakeGitHub(ThreadingHTTPServer):
    """Keeps deployments in memory; fails as often as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.deployments: list[dict[str, Any]] = []
        self.statuses: dict[int, str] = {}
        self.failures: list[int] = []
        self.lost_answers = 0
        self.seen: list[tuple[str, str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    server: FakeGitHub

    def _reply(self, code: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _begin(self) -> bool:
        token = self.headers["Authorization"]
        self.server.seen.append((self.command, self.path, token))
        if self.server.failures:
            self._reply(self.server.failures.pop(0), {})
            return False
        return True

    def do_GET(self) -> None:
        if self._begin():
            query = parse_qs(urlsplit(self.path).query)
            size, page = (int(query[name][0]) for name in ("per_page", "page"))
            newest_first = list(reversed(self.server.deployments))
            self._reply(200, newest_first[(page - 1) * size : page * size])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._begin():
            return
        if self.path.endswith("/statuses"):
            number = int(self.path.split("/")[-2])
            self.server.statuses[number] = body["state"]
            self._reply(201, {})
            return
        body["id"] = len(self.server.deployments)
        self.server.deployments.append(body)
        if self.server.lost_answers:
            self.server.lost_answers -= 1
            self._reply(504, {})
            return
        self._reply(201, body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[FakeGitHub]:
    with FakeGitHub() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def api(server: FakeGitHub, pauses: list[float] | None = None) -> GitHub:
    url = f"http://127.0.0.1:{server.server_port}"
    sleep = pauses.append if pauses is not None else lambda seconds: None
    return GitHub(url, "tms-example/tms", "job-token", sleep)


def test_a_deployment_carries_the_record(server: FakeGitHub) -> None:
    log = GitHubReleases(api(server))
    log.record(RELEASE)
    log.record(dataclasses.replace(LATER, outcome="failure"))
    assert server.statuses == {0: "success", 1: "failure"}
    assert server.deployments[0]["task"] == "release:tms-odoo"
    assert server.deployments[0]["required_contexts"] == []
    assert last_success(log, "tms-odoo", "production") == RELEASE
    assert "task=release:tms-odoo&environment=production" in server.seen[-1][1]
    assert {token for _, _, token in server.seen} == {"Bearer job-token"}


def test_reads_a_payload_that_github_keeps_as_text(server: FakeGitHub) -> None:
    server.deployments.append({"payload": json.dumps(RELEASE.to_json())})
    log = GitHubReleases(api(server))
    assert last_success(log, "tms-odoo", "production") == RELEASE


def test_without_a_deployment_there_is_no_last_one(server: FakeGitHub) -> None:
    log = GitHubReleases(api(server))
    assert last_success(log, "tms-odoo", "production") is None


def test_finds_a_success_behind_a_page_of_failures(server: FakeGitHub) -> None:
    failed = dataclasses.replace(LATER, outcome="failure").to_json()
    server.deployments.append({"payload": RELEASE.to_json()})
    server.deployments += [{"payload": failed}] * PAGE
    log = GitHubReleases(api(server))
    assert last_success(log, "tms-odoo", "production") == RELEASE
    assert len(list(log.history("tms-odoo", "production"))) == PAGE + 1


def test_reading_survives_a_bad_moment(server: FakeGitHub) -> None:
    server.failures = [502, 503]
    pauses: list[float] = []
    assert api(server, pauses).get("deployments?per_page=1&page=1") == []
    assert pauses == [2.0, 4.0]


def test_reading_gives_up_after_several(server: FakeGitHub) -> None:
    server.failures = [500] * 4
    with pytest.raises(StepError, match="answered 500"):
        api(server).get("deployments")


def test_a_refusal_is_not_tried_again(server: FakeGitHub) -> None:
    server.failures = [403]
    with pytest.raises(StepError, match="answered 403"):
        api(server).get("deployments")
    assert len(server.seen) == 1


def test_a_record_survives_a_bad_moment(server: FakeGitHub) -> None:
    server.failures = [502, 503]
    GitHubReleases(api(server)).record(RELEASE)
    kept = [Release.from_json(item["payload"]) for item in server.deployments]
    assert kept == [RELEASE]
    assert server.statuses == {0: "success"}


def test_a_record_whose_answer_got_lost_is_not_made_twice(server: FakeGitHub) -> None:
    log = GitHubReleases(api(server))
    log.record(LATER)
    server.lost_answers = 1
    log.record(RELEASE)
    assert len(server.deployments) == 2
    assert server.statuses == {0: "success", 1: "success"}


def test_another_attempt_of_a_run_has_a_record_of_its_own(server: FakeGitHub) -> None:
    log = GitHubReleases(api(server))
    log.record(dataclasses.replace(RELEASE, outcome="failure"))
    server.failures = [502]
    log.record(dataclasses.replace(RELEASE, finished_at=LATER.finished_at))
    assert len(server.deployments) == 2


def test_a_record_is_given_up_after_several_tries(server: FakeGitHub) -> None:
    server.failures = [502] * 20
    with pytest.raises(StepError, match="answered 502"):
        GitHubReleases(api(server)).record(RELEASE)
    assert server.deployments == []


def test_a_record_that_is_refused_is_not_tried_again(server: FakeGitHub) -> None:
    server.failures = [422]
    with pytest.raises(StepError, match="answered 422"):
        GitHubReleases(api(server)).record(RELEASE)
    assert len(server.seen) == 1


def test_a_github_that_is_not_there_is_an_error() -> None:
    github = GitHub("http://127.0.0.1:1", "a/b", "t", lambda seconds: None)
    with pytest.raises(StepError, match="github-api"):
        github.get("deployments")


# Which log a step uses.


def test_a_folder_makes_the_log_local(tmp_path: Path) -> None:
    assert release_log({"RELEASES_DIR": str(tmp_path)}) == LocalReleases(tmp_path)


def test_else_it_is_githubs() -> None:
    environment = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "a/b"}
    log = release_log({**environment, "GITHUB_API_URL": "https://ghe.example/api/v3/"})
    assert isinstance(log, GitHubReleases)
    assert log.github.url == "https://ghe.example/api/v3"


def test_a_job_without_a_token_is_told_so() -> None:
    with pytest.raises(StepError, match="GITHUB_TOKEN"):
        release_log({})
