"""The OSV query API that pip-audit asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from delivery.advisories.records import AdvisoryDatabase
from delivery.advisories.server import QUERY_PATH, AdvisoryServer


@pytest.fixture
def server(advisories: Path) -> Iterator[AdvisoryServer]:
    with AdvisoryServer(AdvisoryDatabase.open(advisories)) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def post(server: AdvisoryServer, body: str, path: str = QUERY_PATH) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.request("POST", path, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def question(version: str) -> str:
    package = {"name": "insecure", "ecosystem": "PyPI"}
    return json.dumps({"package": package, "version": version})


def test_an_affected_version_is_answered_with_its_records(
    server: AdvisoryServer,
) -> None:
    status, answer = post(server, question("1.0"))

    assert status == 200
    (record,) = answer["vulns"]
    assert record["id"] == "PYSEC-2024-1"
    assert record["affected"][0]["ranges"][0]["events"][1] == {"fixed": "2.0"}


def test_an_unaffected_version_is_answered_with_nothing(server: AdvisoryServer) -> None:
    assert post(server, question("2.0")) == (200, {})


@pytest.mark.parametrize("body", ["", "{", "{}", "[]", '{"package": {"name": "a"}}'])
def test_a_question_without_package_and_version_is_refused(
    server: AdvisoryServer, body: str
) -> None:
    status, answer = post(server, body)

    assert status == 400
    assert answer["message"]


def test_no_other_path_is_served(server: AdvisoryServer) -> None:
    status, answer = post(server, question("1.0"), "/v1/querybatch")

    assert (status, answer["message"]) == (404, f"only {QUERY_PATH} is served")


def test_it_listens_on_the_loopback_interface_only(server: AdvisoryServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/v1/query"
