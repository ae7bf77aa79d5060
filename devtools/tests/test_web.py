"""Clients of Odoo and of the GPS service tell what was refused, and why."""

from __future__ import annotations

import json

import pytest

from devtools.errors import DevtoolsError
from devtools.fleet import PHONE_FORMATS, TRACKER_FORMATS, write_fleet
from devtools.instance import Instance
from devtools.ports import Ports
from devtools.waiting import wait_until
from devtools.web import Answer, GpsAdminClient, OdooClient, answers, request


@pytest.fixture
def started(instance: Instance) -> Instance:
    instance.start()
    return instance


def test_refusals_are_told(started: Instance) -> None:
    with pytest.raises(DevtoolsError, match="refused .*: no tms.trip.unlink here"):
        started.odoo_client("admin").call("tms.trip", "unlink", [1])
    wrong = OdooClient(started.urls.odoo, "tms", "admin", "")
    with pytest.raises(DevtoolsError, match="refused the login 'admin'"):
        wrong.sign_in()
    stranger = GpsAdminClient(started.urls.gps, "guess")
    with pytest.raises(DevtoolsError, match="wrong token"):
        stranger.issue_token("tracker-1")


def test_trackers_that_are_never_published_are_told(
    started: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    started.restart("gps")  # the stand-in forgets its devices
    monkeypatch.setattr("devtools.fleet.PUBLISH_TIMEOUT_S", 0.1)
    with pytest.raises(
        DevtoolsError, match="gave up waiting for Odoo to publish its 4"
    ):
        write_fleet(
            started.odoo_client("dispatcher"),
            started.gps_client(),
            started.fleet_file,
            publish=lambda: None,
        )


def test_a_device_speaks_what_its_id_says_that_it_is(started: Instance) -> None:
    lanes = started.odoo_client("dispatcher").call("tms.trip", "get_lanes")
    trackers = ["867259040110003", "867259040117917", "867259040125837"]

    class Odoo:
        def call(self, model: str, method: str) -> list[dict[str, object]]:
            ids = [*trackers, "phone-1"]
            return [{**lanes[0], "device_id": device_id} for device_id in ids]

    class Gps:
        def devices(self) -> dict[str, dict[str, bool]]:
            return {name: {"has_token": False} for name in [*trackers, "phone-1"]}

        def issue_token(self, device_id: str) -> str:
            return f"token of {device_id}"

    write_fleet(
        Odoo(),  # type: ignore[arg-type]
        Gps(),  # type: ignore[arg-type]
        started.fleet_file,
        publish=lambda: None,
    )
    vehicles = json.loads(started.fleet_file.read_text())["vehicles"]
    spoken = [vehicle["format"] for vehicle in vehicles]
    assert sorted(spoken[:3]) == sorted(TRACKER_FORMATS)
    assert spoken[3] in PHONE_FORMATS


def test_an_odoo_without_trackers_is_told(started: Instance) -> None:
    class Empty:
        def call(self, model: str, method: str) -> list[object]:
            return []

    with pytest.raises(DevtoolsError, match="no vehicle with a tracker"):
        write_fleet(
            Empty(),  # type: ignore[arg-type]
            started.gps_client(),
            started.fleet_file,
            publish=lambda: None,
        )


def test_nobody_answering_is_told_without_the_query() -> None:
    url = f"http://127.0.0.1:{Ports.free().gps}/v1/osmand?token=secret"
    assert not answers(url)
    with pytest.raises(DevtoolsError) as told:
        request(url)
    assert "Connection refused" in str(told.value)
    assert "secret" not in str(told.value)


def test_an_answer_that_is_no_json_is_told() -> None:
    with pytest.raises(DevtoolsError, match="expected JSON, got '<html>'"):
        Answer(500, b"<html>").json()


def test_waiting_answers_what_was_waited_for() -> None:
    steps = iter(["", "", "there"])
    found = wait_until(lambda: next(steps), what="it", timeout_s=9, interval_s=0)
    assert found == "there"
