"""Who sends too often, or fails too often, is asked to wait; nobody else is."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    in_process,
    row,
    settings_for,
)

from gps_ingestion_service.database import Connection
from gps_ingestion_service.rate_limit import RateLimit, network_of

WRONG = {"Authorization": "Bearer wrong"}


class Clock:
    """Time passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> int:
        return round(self.now_s * 1e9)


def test_a_burst_is_allowed_and_then_the_even_rate() -> None:
    clock = Clock()
    limit = RateLimit(per_s=2, burst=3, clock=clock)
    assert [limit.take() for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now_s += 0.5
    assert [limit.take() for _ in range(2)] == [0, 0.5]
    clock.now_s += 60
    assert [limit.take() for _ in range(4)] == [0, 0, 0, 0.5]


@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=60),
    st.integers(1, 10),
    st.sampled_from([0.5, 1.0, 4.0]),
)
def test_no_window_of_time_holds_more_than_was_promised(
    pauses: list[float], burst: int, per_s: float
) -> None:
    clock = Clock()
    limit = RateLimit(per_s, burst, clock=clock)
    taken = []
    for pause in pauses:
        clock.now_s += pause
        if limit.take() == 0:
            taken.append(clock.now_s)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            most = burst + per_s * (taken[last] - taken[first])
            assert last - first + 1 <= most + 1e-6


@given(st.integers(1, 20), st.sampled_from([0.5, 3.0]))
def test_waiting_as_long_as_was_said_is_enough(burst: int, per_s: float) -> None:
    clock = Clock()
    limit = RateLimit(per_s, burst, clock=clock)
    while not (wait_s := limit.take()):
        pass
    clock.now_s += wait_s + 1e-6
    assert limit.take() == 0


def test_each_key_has_its_own_and_no_rate_is_no_limit() -> None:
    limit = RateLimit(per_s=1, burst=1, clock=Clock())
    assert [limit.take("a"), limit.take("b"), limit.take("a")] == [0, 0, 1]
    free = RateLimit(per_s=0, burst=1, clock=Clock())
    assert {free.take() for _ in range(100)} == {0}


def test_the_key_that_was_quiet_for_longest_is_forgotten_first() -> None:
    limit = RateLimit(per_s=1, burst=1, most_keys=2, clock=Clock())
    for key in "abc":
        limit.take(key)
    assert limit.take("c") > 0
    assert limit.take("a") == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_customer_counts_as_one(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.fixture
async def strict(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service that allows two requests or failures, and no more for an hour."""
    rare = 1 / 3600
    settings = settings_for(
        migrated_url,
        device_requests_per_s=rare,
        device_request_burst=2,
        failures_per_s=rare,
        failure_burst=2,
    )
    async with in_process(settings) as running:
        await running.state.registry.load()
        yield running


def refused(response: httpx.Response) -> Any:
    """The error of a request that is to wait."""
    assert response.status_code == 429, response.text
    assert 3500 <= int(response.headers["Retry-After"]) <= 3600
    return response.json()["error"]


async def test_a_device_that_sends_too_often_is_to_wait_and_keeps_its_data(
    strict: Service, db: Connection
) -> None:
    token = await strict.provision("one")
    other = await strict.provision("two")
    for age in (5, 4):
        assert (await strict.post([row(age)], token)).json()["accepted"] == 1
    error = refused(await strict.post([row(3)], token))
    assert error["code"] == "too_many_requests"
    assert "keep the data" in error["message"]
    assert await db.fetchval("SELECT count(*) FROM fix") == 2
    assert (await strict.post([row(3)], other)).status_code == 200
    page = await strict.metrics()
    assert 'gps_requests_refused_total{code="too_many_requests"} 1.0' in page


async def test_every_format_is_limited(strict: Service) -> None:
    token = await strict.provision("one")
    fix = {"id": "one", "lat": "1", "lon": "2"}
    for _ in range(2):
        answer = await strict.client.get("/v1/osmand", params=fix, headers=token)
        assert answer.status_code == 200
    refused(await strict.client.get("/v1/osmand", params=fix, headers=token))


async def test_a_gateway_is_not_limited(strict: Service) -> None:
    await strict.provision("one")
    for age in range(5):
        answer = await strict.post([row(age, device_id="one")], GATEWAY)
        assert answer.status_code == 200


async def test_an_address_that_fails_too_often_is_to_wait(strict: Service) -> None:
    for _ in range(2):
        assert (await strict.post([row()], WRONG)).status_code == 401
    error = refused(await strict.post([row()], WRONG))
    assert error["code"] == "too_many_failures"
    refused(await strict.client.get("/v1/devices", headers=WRONG))
    nobody = {"id": "nobody", "lat": "1", "lon": "2", "token": "x"}
    refused(await strict.client.get("/v1/osmand", params=nobody))


async def test_unknown_devices_are_failures_and_messages_of_them_are_kept_all_the_same(
    strict: Service, db: Connection
) -> None:
    fix = {"id": "nobody", "lat": "1", "token": "x"}
    statuses = [
        (
            await strict.client.get("/v1/osmand", params={**fix, "lon": str(n)})
        ).status_code
        for n in range(3)
    ]
    assert statuses == [400, 400, 429]
    assert await db.fetchval("SELECT count(*) FROM quarantine") == 3


async def test_a_right_token_is_heard_from_an_address_that_failed_too_often(
    strict: Service,
) -> None:
    token = await strict.provision("one")
    for _ in range(3):
        await strict.post([row()], WRONG)
    assert (await strict.post([row()], token)).status_code == 200
    answer = await strict.client.get("/v1/devices", headers=ADMIN)
    assert answer.status_code == 200
