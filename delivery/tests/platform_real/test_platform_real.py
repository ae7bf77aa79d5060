"""The whole local platform, for real: root only, minutes long.

Run by itself, never with the unit tests: ``make platform-test``.

It takes the platform's usual addresses, so no other platform may be up. The caches
of TMS_PLATFORM_DIR (or of the checkout) are used; without them it takes as long as
a first `up`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.platform.cluster import source_root
from delivery.platform.kubectl import find_kubectl

DOCKER = "/usr/bin/docker"
REPOSITORY = "gps-ingestion-service"
DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG TEXT
RUN mkdir /srv/www && echo ${TEXT} > /srv/www/index.html
USER 10001:10001
CMD ["python3", "-m", "http.server", "8080", "--directory", "/srv/www"]
"""
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: probe, namespace: tms-staging}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: probe}}}}
  template:
    metadata: {{labels: {{app: probe}}}}
    spec:
      containers:
      - name: web
        image: {image}
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: probe, namespace: tms-staging}}
spec:
  selector: {{app: probe}}
  ports: [{{name: http, port: 80, targetPort: 8080, protocol: TCP}}]
"""
#: Run in a pod: names resolve, PostgreSQL answers by name, nothing else is reachable.
INSIDE = """\
import json, socket, urllib.request
seen = {}
seen["database"] = socket.gethostbyname("gps-db")
seen["other"] = socket.gethostbyname("odoo-db.tms-production.svc.cluster.local")
seen["web"] = urllib.request.urlopen("http://probe/", timeout=5).read().decode().strip()
with socket.create_connection(("odoo-db", 5432), 5) as database:
    database.sendall(bytes.fromhex("0000000804d2162f"))
    seen["postgresql"] = database.recv(1).decode()
try:
    socket.create_connection(("198.51.100.1", 80), 3)
    seen["outside"] = "reachable"
except OSError:
    seen["outside"] = "unreachable"
print(json.dumps(seen))
"""


def platform(*words: str) -> str:
    """Run a platform command; its failure is the test's."""
    environ = {**os.environ, "PYTHONPATH": str(source_root())}
    argv = [sys.executable, "-m", "delivery.platform", *words]
    done = subprocess.run(
        argv, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(*argv: str, stdin: str = "", check: bool = True) -> str:
    """Run a tool with the platform's environment; return what it printed."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def up() -> Iterator[str]:
    """A platform that is up, its variables in the environment; down at the end."""
    said = platform("up")
    before = dict(os.environ)
    for line in platform("env").splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = value.strip("'")
    yield said
    os.environ.clear()
    os.environ.update(before)
    assert "the machine is as it was before" in platform("down")


@pytest.fixture(scope="module")
def image(up: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small image: built by the engine, pushed through the gateway, by digest."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    tag = uuid.uuid4().hex
    name = f"{os.environ['ECR_REGISTRY']}/{REPOSITORY}:{tag}"
    base = f"BASE_IMAGE={os.environ['BASE_IMAGE']}"
    arguments = ("--build-arg", base, "--build-arg", f"TEXT={tag}")
    tool(DOCKER, "build", "-q", *arguments, "-t", name, str(folder))
    tool(DOCKER, "push", "-q", name)
    aws = str(Path(sys.prefix) / "bin/aws")
    query = ("--query", "imageDetails[0].imageDigest", "--output", "text")
    known = ("--repository-name", REPOSITORY, "--image-ids", f"imageTag={tag}")
    digest = tool(aws, "ecr", "describe-images", *known, *query).strip()
    return f"{name.partition(':' + tag)[0]}@{digest}"


@pytest.fixture(scope="module")
def deployment(image: str) -> str:
    """The image, rolled out in staging; gives the URL of its Service."""
    kubectl = find_kubectl()
    tool(kubectl, "apply", "-f", "-", stdin=MANIFEST.format(image=image))
    status = ("rollout", "status", "deployment/probe", "--timeout=180s")
    tool(kubectl, "-n", "tms-staging", *status)
    return platform("url", "tms-staging", "probe").strip()


def test_a_second_up_changes_nothing(up: str) -> None:
    kubectl = find_kubectl()
    before = tool(kubectl, "get", "pods", "-A", "-o", "name")
    platform("up")
    assert tool(kubectl, "get", "pods", "-A", "-o", "name") == before


def test_everything_is_up(up: str) -> None:
    assert "down" not in platform("status")


def test_the_running_image_is_the_pushed_digest(deployment: str, image: str) -> None:
    path = "jsonpath={.items[*].status.containerStatuses[0].imageID}"
    pods = ("get", "pods", "-n", "tms-staging", "-l", "app=probe", "-o", path)
    running = set(tool(find_kubectl(), *pods).split())
    assert running == {image}


def test_the_host_reaches_the_service(deployment: str) -> None:
    address = deployment.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(address, timeout=5)) as web:
        web.request("GET", "/")
        assert web.getresponse().status == 200


def test_the_host_reaches_the_database(up: str) -> None:
    address = platform("url", "tms-production", "gps-db").strip()
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 5) as database:
        database.sendall(bytes.fromhex("0000000804d2162f"))
        assert database.recv(1) == b"N"


def test_a_pod_sees_names_databases_and_nothing_outside(deployment: str) -> None:
    run = ("exec", "-n", "tms-staging", "deployment/probe", "--")
    seen = json.loads(tool(find_kubectl(), *run, "python3", "-c", INSIDE))
    assert seen["database"].startswith("10.96.")
    assert seen["other"].startswith("10.96.")
    assert seen["postgresql"] == "N"
    assert seen["outside"] == "unreachable"
    assert seen["web"]


def test_an_immutable_tag_is_refused(image: str, tmp_path: Path) -> None:
    name = image.partition("@")[0] + ":taken"
    for text in ("one", "two"):
        (tmp_path / "Dockerfile").write_text(f"FROM scratch\nLABEL text={text}\n")
        tool(DOCKER, "build", "-q", "-t", name, str(tmp_path))
        said = tool(DOCKER, "push", "-q", name, check=False)
    assert "repository is immutable" in said


def test_a_rotated_secret_reaches_the_cluster(up: str) -> None:
    value = uuid.uuid4().hex
    aws = str(Path(sys.prefix) / "bin/aws")
    secret = ("--secret-id", "tms/staging/gps")
    shown = ("--query", "SecretString", "--output", "text")
    entry = json.loads(tool(aws, "secretsmanager", "get-secret-value", *secret, *shown))
    entry["gps_ingest_token"] = value
    text = json.dumps(entry)
    tool(aws, "secretsmanager", "put-secret-value", *secret, "--secret-string", text)
    platform("sync-secrets")
    path = "go-template={{.data.gps_ingest_token | base64decode}}"
    wanted = ("get", "secret", "gps-secrets", "-n", "tms-staging", "-o", path)
    assert tool(find_kubectl(), *wanted) == value
