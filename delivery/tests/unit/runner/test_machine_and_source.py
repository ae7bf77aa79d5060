"""What a run is given: an environment, a checkout, options of its image's build."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from delivery.pipeline.ancestry import ORIGIN_MAIN
from delivery.platform.layout import Layout
from delivery.runner import events
from delivery.runner.addresses import problem, services
from delivery.runner.advisories import served
from delivery.runner.build_inputs import build_options, ca_bundle, pip_settings
from delivery.runner.errors import RunnerError
from delivery.runner.machine import Machine, own_program
from delivery.runner.source import check_out, git, mark_as_pushed, uncommitted

from .conftest import commit_all

SERVICES = """\
apiVersion: v1
kind: Service
metadata:
  name: gps-ingestion-service
spec: {ports: [{name: http, port: 8070}]}
---
apiVersion: v1
kind: Service
metadata:
  name: gps-ingestion-service-trackers
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: gps-ingestion-service
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a caller whose platform is up."""
    platform = tmp_path / "platform"
    layout = Layout(platform)
    layout.environment.parent.mkdir(parents=True)
    layout.environment.write_text(
        "export DOCKER_HOST=unix:///run/docker.sock\n"
        "export AWS_SESSION_TOKEN=''\n"
        "export BASE_IMAGE=127.0.0.1:5000/platform/python:1\n",
        encoding="utf-8",
    )
    return {"TMS_PLATFORM_DIR": str(platform), "PATH": os.environ["PATH"]}


def test_a_step_s_environment_is_the_platform_s_and_not_the_shell_s(
    environ: dict[str, str], tmp_path: Path
) -> None:
    shell = {
        "PYTHONPATH": "/elsewhere",
        "PGHOST": "elsewhere",
        "DOCKER_HOST": "unix:///elsewhere",
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "https_proxy": "http://proxy.example:3128",
        "HOME": str(tmp_path),
    }
    machine = Machine.of_checkout(tmp_path, {**environ, **shell})
    found = machine.environment()
    assert found["DOCKER_HOST"] == "unix:///run/docker.sock"
    assert found["AWS_SESSION_TOKEN"] == ""
    assert found["PIP_INDEX_URL"] == "https://mirror.example/simple"
    assert found["https_proxy"] == "http://proxy.example:3128"
    assert found["HOME"] == str(tmp_path)
    assert not {"PYTHONPATH", "PGHOST"} & set(found)
    clients = Path(environ["TMS_PLATFORM_DIR"]) / "state" / "bin"
    assert found["PATH"].split(":")[1:3] == [str(clients), "/usr/local/sbin"]


def test_steps_use_the_python_that_the_runner_s_virtualenv_was_made_of(
    environ: dict[str, str], tmp_path: Path
) -> None:
    machine = Machine.of_checkout(tmp_path, environ)
    for _ in range(2):
        own = Path(machine.environment()["PATH"].split(":")[0])
    (link,) = own.iterdir()
    command = [str(link), "-c", "import sys; print(sys.prefix)"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == sys.base_prefix


def test_the_caches_are_the_checkout_s_unless_they_are_moved(
    environ: dict[str, str], tmp_path: Path
) -> None:
    machine = Machine.of_checkout(tmp_path / "checkout", environ)
    assert machine.environment()["TMS_CACHE_DIR"] == str(tmp_path / "checkout/.cache")
    moved = {**environ, "TMS_CACHE_DIR": str(tmp_path / "shared")}
    machine = Machine.of_checkout(tmp_path / "checkout", moved)
    assert machine.environment()["RELEASES_DIR"] == str(tmp_path / "shared/releases")
    assert machine.runs == tmp_path / "shared/pipeline"


def test_a_program_in_an_unusual_folder_is_found(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "npm-of-a-test").touch(mode=0o755)
    monkeypatch.setattr("delivery.runner.machine.PROGRAMS", ("bash", "npm-of-a-test"))
    path = Machine.of_checkout(tmp_path, {**environ, "PATH": str(odd)})
    assert path.environment()["PATH"].endswith(f":{odd}")
    with pytest.raises(RunnerError, match="npm-of-a-test is missing: install it"):
        Machine.of_checkout(tmp_path, {**environ, "PATH": "/bin"}).environment()


def test_without_a_platform_there_is_no_machine(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="no platform is up: run"):
        Machine.of_checkout(tmp_path, {"TMS_PLATFORM_DIR": "/nowhere"})


def test_a_program_that_is_not_installed_names_the_lock() -> None:
    with pytest.raises(RunnerError, match="requirements-platform.txt"):
        own_program("no-such-program")


def test_a_checkout_holds_what_is_committed_with_its_history(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "late.txt").write_text("committed")
    commit_all(repository, "Second")
    (repository / "late.txt").write_text("not committed")
    sha = check_out(repository, "HEAD", tmp_path / "source")
    source = tmp_path / "source"
    assert (source / "late.txt").read_text() == "committed"
    assert git(source, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert git(source, "rev-parse", "HEAD") == sha
    assert git(source, "rev-list", "--count", "HEAD") == "2"


def test_an_earlier_commit_can_be_checked_out(repository: Path, tmp_path: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    (repository / "late.txt").touch()
    commit_all(repository, "Second")
    assert check_out(repository, first, tmp_path / "source") == first
    assert not (tmp_path / "source" / "late.txt").exists()


def test_origin_s_main_is_what_was_checked_out(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "checkout", "--quiet", "-B", "topic")
    source = tmp_path / "source"
    sha = check_out(repository, "HEAD", source)
    assert git(source, "rev-parse", ORIGIN_MAIN) == sha
    (source / "late.txt").touch()
    commit_all(source, "Planted")
    mark_as_pushed(source)
    head = git(source, "rev-parse", "HEAD")
    assert git(source, "rev-parse", ORIGIN_MAIN) == head != sha


def test_an_unknown_commit_is_an_error(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="git rev-parse"):
        check_out(repository, "no-such-branch", tmp_path / "source")


def test_changed_and_new_files_are_uncommitted(repository: Path) -> None:
    assert uncommitted(repository) == ()
    (repository / "new.txt").touch()
    (repository / ".github/workflows/hello.yml").write_text("changed")
    assert uncommitted(repository) == (".github/workflows/hello.yml", "new.txt")


def test_a_push_describes_its_commit() -> None:
    found = events.describe("push", "refs/tags/v1.0.0", "abc", {}, {})
    assert (found["ref"], found["after"]) == ("refs/tags/v1.0.0", "abc")
    assert found["repository"]["default_branch"] == "main"


def test_an_event_takes_what_it_is_given() -> None:
    extra = {"pull_request": {"base": {"sha": "abc"}}}
    found = events.describe("pull_request", "refs/pull/1/merge", "def", {}, extra)
    assert found["pull_request"]["base"]["sha"] == "abc"
    assert "inputs" not in found


def test_a_build_gets_the_platform_s_base_image_and_odoo(tmp_path: Path) -> None:
    environment = {"BASE_IMAGE": "registry/python:1", "PATH": os.environ["PATH"]}
    image = "registry/platform/odoo:19.0-abc"
    words = build_options(environment, tmp_path, image).split()
    assert words[:2] == ["--build-arg", "BASE_IMAGE=registry/python:1"]
    assert "ODOO_ORIGIN=image" in words
    assert "ODOO_COMMIT=" in words
    assert f"ODOO_IMAGE={image}" in words
    assert "ODOO_SERIES=19.0" in words


def test_pip_s_settings_reach_a_build_as_a_secret(tmp_path: Path) -> None:
    environment = {
        "BASE_IMAGE": "registry/python:1",
        "PATH": os.environ["PATH"],
        "PIP_INDEX_URL": "https://user:word@mirror.example/simple",
    }
    words = build_options(environment, tmp_path).split()
    settings = tmp_path / "pip.conf"
    assert f"id=pip,src={settings}" in words
    assert "https://user:word@mirror.example/simple" in settings.read_text()
    assert settings.stat().st_mode & 0o777 == 0o600
    assert not [word for word in words if "mirror.example" in word]


def test_only_what_holds_inside_a_container_is_handed_on() -> None:
    listed = (
        ":env:.index-url='https://second.example/simple'\n"
        "global.cert='/etc/ssl/certs/ca-certificates.crt'\n"
        "global.find-links='/var/wheels'\n"
        "global.index-url='https://first.example/simple'\n"
        "install.trusted-host='first.example'\n"
    )
    assert pip_settings(listed).splitlines() == [
        "[global]",
        "index-url = https://second.example/simple",
        "trusted-host = first.example",
    ]
    assert pip_settings("global.cert='/etc/ssl/certs/ca-certificates.crt'\n") == ""


def test_a_build_option_with_a_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="cannot hold a space"):
        build_options({"BASE_IMAGE": "a b", "PATH": os.environ["PATH"]}, tmp_path)


def test_the_bundle_that_is_named_goes_before_the_distribution_s(
    tmp_path: Path,
) -> None:
    own = tmp_path / "bundle.pem"
    own.touch()
    assert ca_bundle({"SSL_CERT_FILE": str(own), "PIP_CERT": "/missing"}) == own


def test_a_service_is_put_into_its_namespace() -> None:
    (found,) = services(SERVICES, "gps-ingestion-service", "tms-staging")
    assert found["metadata"]["namespace"] == "tms-staging"
    assert found["spec"]["ports"][0]["port"] == 8070


def test_advisory_records_are_served_while_a_run_lasts(advisories: Path) -> None:
    query = b'{"package": {"name": "insecure"}, "version": "1.0"}'
    with served(advisories) as variables:
        assert variables["ADVISORIES"] == str(advisories)
        # An address of the block above, on this machine.
        url = variables["PIP_AUDIT_OSV_URL"]
        with urllib.request.urlopen(url, query, timeout=10) as answer:  # nosec B310
            assert "PYSEC-2024-1" in answer.read().decode()


def test_without_records_nothing_is_served() -> None:
    with served(None) as variables:
        assert variables == {}


def test_an_address_that_does_not_answer_is_a_problem() -> None:
    assert "does not answer" in problem("http://127.0.0.1:9/readyz")
