"""Nothing that was not acknowledged is forgotten, whatever the service does."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import uplink as uplink_module
from simulator.fleet import WireFormat
from simulator.ledger import Ledger
from simulator.tests.service import Service, error, running
from simulator.tracker import Fix, Sample
from simulator.uplink import Counts, HttpTransport, Uplink
from simulator.wire import Answered, Reply, Request, TryLater, Verdict, iso_utc

NATIVE: WireFormat = "native"


def sample(number: int, *, online: bool = True, ack_lost: bool = False) -> Sample:
    fix = Fix("dev", 1_780_000_000 + number, 18.5, 73.8, 5.0, 90.0, 4.0, {"n": number})
    return Sample(fix, online, ack_lost)


def accepted(fixes: int) -> Answered:
    verdict: Verdict = "accepted"
    return Answered((verdict,) * fixes)


class Bench:
    """One uplink against one service; waits are recorded, not waited for."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.counts = Counts()
        self.waits: list[float] = []
        self.log: list[dict[str, Any]] = []
        self.ledger = ledger
        self.before_retry: Callable[[], object] = lambda: None

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.before_retry()

    def uplink(self, transport: Any, wire_format: WireFormat, device: str) -> Uplink:
        return Uplink(
            device,
            wire_format,
            "secret",
            transport,
            self.counts,
            log=lambda event, **fields: self.log.append({"event": event, **fields}),
            ledger=self.ledger,
            sleep=self.sleep,
        )


def against(
    service: Service,
    bench: Bench,
    work: Callable[[Uplink], Awaitable[object]],
    wire_format: WireFormat = NATIVE,
    device: str = "dev",
) -> None:
    async def scene() -> None:
        async with running(service) as url, aiohttp.ClientSession() as session:
            transport = HttpTransport(session, url)
            await work(bench.uplink(transport, wire_format, device))

    asyncio.run(scene())


def send(*samples: Sample) -> Callable[[Uplink], Awaitable[None]]:
    async def work(uplink: Uplink) -> None:
        for item in samples:
            uplink.record(item)
        await uplink.flush()

    return work


@pytest.mark.parametrize("wire_format", ["native", "osmand", "traccar-json"])
def test_every_format_is_stored_and_acknowledged(
    wire_format: WireFormat, tmp_path: Path
) -> None:
    service = Service()
    with Ledger(tmp_path / "ledger") as ledger:
        bench = Bench(ledger)
        against(service, bench, send(*map(sample, range(120))), wire_format)

    assert len(service.stored) == 120
    assert bench.counts.accepted == 120
    lines = (tmp_path / "ledger").read_text().splitlines()
    told = {tuple(json.loads(line).values()) for line in lines}
    assert len(lines) == 120
    assert told == set(service.stored)


def test_a_service_that_cannot_store_gets_everything_later() -> None:
    service = Service(
        faults=[
            error(503, "unavailable", Retry_After="30"),
            error(500, "oops"),
            web.Response(text="<html>"),
        ]
    )
    bench = Bench()
    against(service, bench, send(*map(sample, range(60))))

    assert len(service.stored) == 60
    assert bench.counts.retries == 3
    assert bench.counts.accepted == 60
    assert bench.counts.sent == 50 * 3 + 60
    assert bench.waits[0] == 30
    assert 0 < bench.waits[1] < bench.waits[2]
    assert bench.counts.last_trouble is not None


def test_waits_grow_to_a_minute() -> None:
    service = Service(faults=[error(503, "unavailable") for _ in range(12)])
    bench = Bench()
    against(service, bench, send(sample(1)))
    assert bench.waits[0] < 1.3
    assert 48 <= bench.waits[-1] <= 72


def test_an_unreachable_service_is_tried_again() -> None:
    bench = Bench()

    async def scene() -> None:
        async with running(Service()) as url:
            closed = url
        service = Service()
        async with running(service) as url, aiohttp.ClientSession() as session:
            transport = HttpTransport(session, closed)

            def comes_back() -> None:
                transport._base = url

            bench.before_retry = comes_back
            await send(sample(1), sample(2))(bench.uplink(transport, NATIVE, "dev"))
        assert len(service.stored) == 2

    asyncio.run(scene())
    assert bench.counts.retries == 1
    assert bench.counts.last_trouble == "ClientConnectorError"


def test_a_lost_acknowledgement_is_sent_again_and_counted_once(
    tmp_path: Path,
) -> None:
    service = Service()
    with Ledger(tmp_path / "ledger") as ledger:
        bench = Bench(ledger)
        against(service, bench, send(sample(1), sample(2, ack_lost=True), sample(3)))

    assert bench.counts.resent_lost_ack == 3
    assert bench.counts.duplicates == 3
    assert bench.counts.accepted == 0
    assert len(service.arrivals) == 2
    assert len((tmp_path / "ledger").read_text().splitlines()) == 3


def test_fixes_recorded_without_coverage_come_in_a_burst() -> None:
    service = Service()
    bench = Bench()

    async def work(uplink: Uplink) -> None:
        running_uplink = asyncio.create_task(uplink.run())
        for number in range(20):
            uplink.record(sample(number, online=False))
        await asyncio.sleep(0)
        assert uplink.buffered == 20
        assert not service.arrivals
        uplink.record(sample(20))
        await service.heard.wait()
        running_uplink.cancel()
        await asyncio.gather(running_uplink, return_exceptions=True)

    against(service, bench, work)
    assert len(service.arrivals[0]) == 21


def device_with(newest_first: bool) -> str:
    for number in range(100):
        name = f"dev-{number}"
        uplink = Bench().uplink(None, NATIVE, name)
        if uplink._newest_first == newest_first:
            return name
    raise AssertionError("no such device")


@pytest.mark.parametrize("newest_first", [True, False])
def test_devices_differ_in_the_order_of_a_backlog(newest_first: bool) -> None:
    service = Service()
    backlog = [sample(number, online=False) for number in range(4)]
    against(
        service,
        Bench(),
        send(*backlog, sample(4)),
        "osmand",
        device_with(newest_first),
    )
    arrived = [stamp for batch in service.arrivals for _, stamp in batch]
    in_order = [iso_utc(1_780_000_000 + number) for number in range(5)]
    wanted = [in_order[-1], *in_order[:-1]] if newest_first else in_order
    assert arrived == wanted


@pytest.mark.parametrize("wire_format", ["native", "osmand", "traccar-json"])
def test_an_unknown_device_is_reported_once_and_starts_when_registered(
    wire_format: WireFormat,
) -> None:
    service = Service(unknown={"dev"})
    bench = Bench()

    def registered_at_last() -> None:
        if len(bench.waits) == 7:
            service.unknown.clear()

    bench.before_retry = registered_at_last
    against(service, bench, send(sample(1)), wire_format)

    assert len(service.stored) == 1
    assert [line["event"] for line in bench.log] == [
        "device_refused",
        "device_recovered",
    ]
    assert "PUT /v1/devices/dev" in bench.log[0]["do"]
    assert bench.counts.refusals == 7
    assert min(bench.waits) >= 12
    assert 240 <= max(bench.waits) <= 360


def test_a_wrong_token_says_what_to_do_without_telling_the_token() -> None:
    service = Service(faults=[error(401, "wrong_token")])
    bench = Bench()
    against(service, bench, send(sample(1)))
    assert "POST /v1/devices/dev/token" in bench.log[0]["do"]
    assert "secret" not in json.dumps(bench.log)
    assert service.tokens == ["Bearer secret"] * 2


def test_a_rejected_fix_is_dropped_and_the_others_kept(tmp_path: Path) -> None:
    service = Service(rejects=lambda row: row["attributes"]["n"] == 2)
    with Ledger(tmp_path / "ledger") as ledger:
        bench = Bench(ledger)
        against(service, bench, send(*map(sample, range(4))))

    assert bench.counts.rejected == 1
    assert bench.counts.accepted == 3
    assert [line["event"] for line in bench.log] == ["fix_rejected"]
    assert iso_utc(1_780_000_002) not in (tmp_path / "ledger").read_text()


def test_a_full_buffer_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink_module, "BUFFER_FIXES", 3)
    service = Service()
    bench = Bench()
    against(service, bench, send(*map(sample, range(5))))
    assert bench.counts.overflowed == 2
    assert len(service.stored) == 3


def test_fixes_recorded_while_a_request_is_under_way_are_kept() -> None:
    bench = Bench()
    arrived: list[int] = []

    async def scene() -> None:
        uplink: Uplink

        async def transport(_: WireFormat, request: Request, fixes: int) -> Reply:
            arrived.append(fixes)
            if len(arrived) == 1:
                uplink.record(sample(9))
            return accepted(fixes)

        uplink = bench.uplink(transport, NATIVE, "dev")
        await send(sample(1), sample(2))(uplink)
        assert uplink.buffered == 0

    asyncio.run(scene())
    assert arrived == [2, 1]
    assert bench.counts.accepted == 3


@settings(max_examples=60, deadline=None)
@given(
    device=st.sampled_from(["dev-1", "dev-2", "dev-3", "dev-4", "dev-5"]),
    wire_format=st.sampled_from(["native", "osmand", "traccar-json"]),
    samples=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=120),
    outcomes=st.lists(st.sampled_from(["store", "fail", "lose"]), max_size=40),
)
def test_every_fix_arrives_and_is_acknowledged_once(
    device: str,
    wire_format: WireFormat,
    samples: list[tuple[bool, bool]],
    outcomes: list[str],
) -> None:
    """Whatever coverage, failures and lost answers: stored all, ledger exact."""
    stored: Counter[bytes | None] = Counter()
    told: list[int] = []

    class Memory:
        def write(self, fixes: list[Fix]) -> None:
            told.extend(fix.timestamp for fix in fixes)

    bench = Bench(Memory())  # type: ignore[arg-type]

    async def transport(_: WireFormat, request: Request, fixes: int) -> Reply:
        outcome = outcomes.pop() if outcomes else "store"
        if outcome != "fail":
            stored[request.body] += 1
        if outcome != "store":
            return TryLater("trouble")
        return accepted(fixes)

    async def scene() -> None:
        uplink = bench.uplink(transport, wire_format, device)
        for number, (online, ack_lost) in enumerate(samples):
            uplink.record(sample(number, online=online, ack_lost=ack_lost))
            await uplink.flush()
        uplink.record(sample(len(samples)))
        await uplink.flush()
        assert uplink.buffered == 0

    asyncio.run(scene())
    assert sorted(told) == [1_780_000_000 + n for n in range(len(samples) + 1)]
    assert bench.counts.accepted == len(samples) + 1
