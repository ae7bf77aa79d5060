"""Something dies or goes away while every kind of device sends; each fix that was
acknowledged is stored, and stored once."""

import asyncio
from random import Random

import pytest
from faults.conftest import Scale, Settle
from support.ledger import account
from support.load import DatagramSender, Load
from support.postgres import PostgresServer
from support.service import ServiceProcess


async def test_the_service_is_killed(
    process: ServiceProcess, scale: Scale, settle: Settle
) -> None:
    load = Load(process, pause_s=scale.pause_s)
    async with load.running():
        for _ in range(scale.rounds):
            await load.goes_on(scale.fixes, scale.calm_s)
            process.kill()
            await process.start()
        await load.goes_on(scale.fixes)
    found = await settle(load)
    assert found.broken > 0


async def test_postgresql_is_killed(
    durable: PostgresServer, process: ServiceProcess, scale: Scale, settle: Settle
) -> None:
    load = Load(process, pause_s=scale.pause_s)
    async with load.running():
        for _ in range(scale.rounds):
            await load.goes_on(scale.fixes, scale.calm_s)
            await asyncio.to_thread(durable.kill)
            await load.is_refused()
            await asyncio.to_thread(durable.start)
        await load.goes_on(scale.fixes)
    await process.wait_ready()
    await settle(load)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_the_database_is_away_while_devices_keep_sending(
    durable: PostgresServer,
    process: ServiceProcess,
    scale: Scale,
    settle: Settle,
    mode: str,
) -> None:
    load = Load(process, pause_s=scale.pause_s)
    async with load.running():
        await load.goes_on(scale.fixes, scale.calm_s)
        await asyncio.to_thread(durable.stop, mode)
        before = len(load.ledger.acknowledged)
        await asyncio.sleep(scale.outage_s)
        await load.is_refused()
        # What had been committed may have been answered after the stop was asked for.
        assert len(load.ledger.acknowledged) <= before + in_flight(load)
        await asyncio.to_thread(durable.start)
        await load.goes_on(scale.fixes, scale.calm_s)
    await process.wait_ready()
    await settle(load)


def in_flight(load: Load) -> int:
    return sum(sender.size for sender in load.senders)


async def test_frames_come_twice_out_of_order_in_pieces_damaged_and_cut_off(
    process: ServiceProcess, scale: Scale, settle: Settle
) -> None:
    load = Load(process, pause_s=scale.pause_s, mangler=Random(7))
    async with load.running():
        for _ in range(scale.rounds):
            await load.goes_on(scale.fixes * 6, scale.calm_s)
    found = await settle(load)
    # Damaged and cut off ones were among them.
    assert found.broken > 0


async def test_all_of_it_at_once(
    durable: PostgresServer, process: ServiceProcess, scale: Scale, settle: Settle
) -> None:
    load = Load(process, pause_s=scale.pause_s, mangler=Random(11))
    async with load.running():
        for _ in range(scale.rounds):
            await load.goes_on(scale.fixes, scale.calm_s)
            await asyncio.to_thread(durable.kill)
            process.kill()
            await asyncio.to_thread(durable.start)
            await process.start()
        await load.goes_on(scale.fixes)
    await settle(load)


async def test_sigterm_answers_all_that_was_taken(
    process: ServiceProcess, scale: Scale, settle: Settle
) -> None:
    load = Load(process, pause_s=scale.pause_s)
    async with load.running():
        await load.goes_on(scale.fixes, scale.calm_s)
        assert await process.terminate() == 0
        load.stopped = True
    assert '"event":"stopped"' in process.log.read_text()
    await settle(load)
    # A sender whose answer was cut off would have stored more than it knows of; UDP
    # promises no answer.
    udp = {
        sender.device_id
        for sender in load.senders
        if isinstance(sender, DatagramSender)
    }
    load.ledger.sent = {one for one in load.ledger.sent if one[0] not in udp}
    load.ledger.acknowledged = {
        one for one in load.ledger.acknowledged if one[0] not in udp
    }
    assert (await account(load.ledger, load.url)).unanswered == 0
