"""What must hold on a deployed system before anybody is let in."""

import httpx
import pytest
from rpc import OdooSession, Refused
from yard import Yard


def test_login_page_answers(anonymous: OdooSession) -> None:
    page = anonymous.client.get("/web/login")
    assert page.status_code == 200
    assert 'name="password"' in page.text


def test_wrong_password_is_refused(anonymous: OdooSession) -> None:
    with pytest.raises(Refused, match="login form"):
        anonymous.login("itest-nobody", "wrong")


def test_nobody_calls_models_without_a_session(anonymous: OdooSession) -> None:
    with pytest.raises((Refused, httpx.HTTPStatusError)):
        anonymous.call("tms.trip", "search", [])


def test_drivers_pages_ask_for_a_login(anonymous: OdooSession) -> None:
    answer = anonymous.client.get("/my/trips")
    assert answer.status_code == 303
    assert "/web/login" in answer.headers["location"]


def test_session_is_the_dispatchers(dispatcher: OdooSession) -> None:
    info = dispatcher.post("/web/session/get_session_info")
    assert info["uid"]
    assert dispatcher.call("tms.trip", "has_access", [], "write") is True


def test_positions_without_a_signature_are_refused(anonymous: OdooSession) -> None:
    answer = anonymous.client.post("/tms/gps/v1/positions", json={"positions": []})
    assert answer.status_code in (401, 503)
    assert answer.json()["error"]["code"] in ("bad_signature", "not_configured")


def test_trip_is_planned_assigned_started_held_resumed_and_cancelled(
    yard: Yard, dispatcher: OdooSession
) -> None:
    trip = yard.plan()
    assert yard.state(trip) == "planned"
    yard.assign(trip)
    assert yard.state(trip) == "assigned"
    dispatcher.call("tms.trip", "action_start", [trip])
    assert yard.state(trip) == "in_transit"
    dispatcher.call("tms.trip", "action_log_event", [trip], "repair", yard.run_id)
    assert yard.state(trip) == "on_hold"
    dispatcher.call("tms.trip", "action_resume", [trip], yard.run_id)
    assert yard.state(trip) == "in_transit"
    dispatcher.call("tms.trip", "action_cancel", [trip], yard.run_id)
    assert yard.state(trip) == "cancelled"


def test_state_cannot_be_written(yard: Yard, dispatcher: OdooSession) -> None:
    trip = yard.plan()
    for values in ({"state": "in_transit"}, {"state": "paid"}):
        with pytest.raises(Refused, match="cannot be set directly"):
            dispatcher.call("tms.trip", "write", [trip], values)
    with pytest.raises(Refused, match="cannot be set directly"):
        dispatcher.call("tms.trip", "create", {"state": "completed"})
    assert yard.state(trip) == "planned"


def test_trip_does_not_start_before_it_is_assigned(
    yard: Yard, dispatcher: OdooSession
) -> None:
    trip = yard.plan()
    with pytest.raises(Refused, match="is Planned, not Assigned"):
        dispatcher.call("tms.trip", "action_start", [trip])
    assert yard.state(trip) == "planned"


def test_private_methods_are_out_of_reach(yard: Yard, dispatcher: OdooSession) -> None:
    trip = yard.plan()
    for method in ("_transition", "_mark_paid"):
        with pytest.raises(Refused):
            dispatcher.call("tms.trip", method, [trip])
    assert yard.state(trip) == "planned"


def test_every_vehicle_with_a_tracker_has_a_lane(dispatcher: OdooSession) -> None:
    for lane in dispatcher.call("tms.trip", "get_lanes"):
        assert set(lane) == {
            "vehicle_identifier",
            "device_id",
            "trip",
            "state",
            "source",
            "destination",
        }
