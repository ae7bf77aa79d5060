"""Clocks that are off: believed, corrected by turns of the GPS week, or refused."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.service import ADMIN, Service, row

from gps_ingestion_service.database import Connection
from gps_ingestion_service.fix import Fix, Rejection
from gps_ingestion_service.time_policy import WEEK_TURN, TimePolicy

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
POLICY = TimePolicy(max_future=timedelta(minutes=5), max_age=timedelta(days=366))
AGES = st.timedeltas(-POLICY.max_future, POLICY.max_age)
TURN_S = WEEK_TURN.total_seconds()


def fix(time: datetime, sent_time: datetime | None = None) -> Fix:
    return Fix(fix_time=time, latitude=18.5, longitude=73.8, sent_time=sent_time)


def judged(time: datetime) -> Fix:
    result = POLICY.judge(fix(time), NOW)
    assert isinstance(result, Fix)
    return result


@given(AGES)
def test_a_time_within_the_bounds_is_left_alone(age: timedelta) -> None:
    given_fix = fix(NOW - age)
    assert POLICY.judge(given_fix, NOW) is given_fix


@given(AGES, st.sampled_from([-3, -2, -1, 1, 2]))
def test_whole_turns_of_the_week_are_taken_out_and_the_time_sent_is_kept(
    age: timedelta, turns: int
) -> None:
    sent = NOW - age - turns * WEEK_TURN
    corrected = judged(sent)
    assert corrected == fix(NOW - age, sent_time=sent)


def test_the_time_sent_is_that_of_the_device_where_its_zone_was_corrected_too() -> None:
    shown = NOW - WEEK_TURN + timedelta(hours=8)
    corrected = POLICY.judge(fix(NOW - WEEK_TURN, sent_time=shown), NOW)
    assert corrected == fix(NOW, sent_time=shown)


@given(st.timedeltas(timedelta(hours=-14), timedelta(hours=14)))
def test_a_time_without_a_zone_is_read_in_the_zone_of_the_clock(
    offset: timedelta,
) -> None:
    shown = NOW + offset
    for announced in (timedelta(0), timedelta(hours=8)):
        sent = fix(shown - announced, sent_time=shown)
        assert POLICY.judge(sent, NOW, offset) == fix(NOW, sent_time=shown)
    zoned = fix(NOW)
    assert POLICY.judge(zoned, NOW, offset) is zoned


@pytest.mark.parametrize("time", [datetime.min, datetime.max])
@pytest.mark.parametrize("hours", [-14, 14])
def test_a_zone_leads_nobody_out_of_the_calendar(time: datetime, hours: int) -> None:
    end = time.replace(tzinfo=UTC)
    result = POLICY.judge(fix(end, sent_time=end), NOW, timedelta(hours=hours))
    assert isinstance(result, Rejection)


@pytest.mark.parametrize(
    "time",
    [
        # Clocks that fell back to where they begin, and ran on from there.
        datetime(1970, 1, 1, 0, 3, tzinfo=UTC),
        datetime(1980, 1, 6, 0, 3, tzinfo=UTC),
        datetime(2000, 1, 1, 0, 3, tzinfo=UTC),
        # A week too many is no turn.
        NOW - WEEK_TURN - POLICY.max_age - timedelta(weeks=1),
        NOW - timedelta(days=367),
    ],
)
def test_any_other_old_time_is_refused(time: datetime) -> None:
    result = POLICY.judge(fix(time), NOW)
    assert isinstance(result, Rejection)
    assert result.code == "fix_time_too_old"


def test_before_the_first_week_there_is_nothing_to_turn_back() -> None:
    result = POLICY.judge(fix(NOW - 3 * WEEK_TURN), NOW)
    assert isinstance(result, Rejection)


def test_any_other_future_time_is_refused() -> None:
    result = POLICY.judge(fix(NOW + timedelta(days=1)), NOW)
    assert isinstance(result, Rejection)
    assert result.code == "fix_time_in_future"


async def send_rolled_over(service: Service) -> tuple[datetime, dict[str, Any]]:
    """Send a fix of a receiver that lost a turn; its true time and the verdict."""
    token = await service.provision("one")
    time = datetime.now(UTC).replace(microsecond=0)
    sent = (time - WEEK_TURN).isoformat()
    body = (await service.post([row(timestamp=sent)], token)).json()
    return time, body["results"][0]


async def test_a_rolled_over_fix_is_stored_at_its_true_time_and_says_so(
    service: Service, db: Connection
) -> None:
    time, verdict = await send_rolled_over(service)
    assert (verdict["status"], verdict["code"]) == ("accepted", "week_rollover")
    assert f"{time:%Y-%m-%dT%H:%M:%SZ}" in verdict["reason"]
    for table in ("fix", "last_position"):
        stored = await db.fetchrow(f"SELECT fix_time, sent_time FROM {table}")
        assert tuple(stored or ()) == (time, time - WEEK_TURN)
    assert 'gps_fixes_flagged_total{flag="week_rollover"} 1.0' in (
        await service.metrics()
    )


async def test_the_same_fix_of_a_clock_that_was_put_right_is_a_duplicate(
    service: Service,
) -> None:
    time, _ = await send_rolled_over(service)
    again = await service.client.post("/v1/devices/one/token", headers=ADMIN)
    token = {"Authorization": f"Bearer {again.json()['token']}"}
    body = (await service.post([row(timestamp=time.isoformat())], token)).json()
    assert body["duplicates"] == 1


async def test_the_time_that_was_sent_is_read_everywhere(service: Service) -> None:
    time, _ = await send_rolled_over(service)
    sent = f"{time - WEEK_TURN:%Y-%m-%dT%H:%M:%SZ}"
    whole = {"from": f"{time - timedelta(1):%FT%TZ}", "to": f"{time:%FT23:59:59Z}"}

    async def read(path: str, **params: str) -> Any:
        response = await service.client.get(path, params=params, headers=ADMIN)
        assert response.status_code == 200, response.text
        return response

    for path in ("/v1/devices/one/positions", "/v1/positions/last"):
        (position,) = (await read(path)).json()["positions"]
        assert position["sent_timestamp"] == sent
    export = "/v1/devices/one/export"
    (feature,) = (await read(export, **whole)).json()["features"]
    assert feature["properties"]["sent_timestamp"] == sent
    text = (await read(export, **whole, format="csv")).text
    (line,) = csv.DictReader(io.StringIO(text))
    assert line["sent_timestamp"] == sent
