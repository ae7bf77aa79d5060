"""Odoo is away while devices keep sending: they notice nothing, and Odoo catches up."""

import asyncio
from datetime import datetime
from uuid import UUID

import asyncpg
from faults.conftest import Scale, Settle, Start
from support.load import Load
from support.odoo import SECRET, FakeOdoo, serving
from support.service import eventually


async def test_odoo_is_away_and_catches_up_even_after_a_kill(
    start: Start, scale: Scale, settle: Settle
) -> None:
    odoo = FakeOdoo()
    async with serving(odoo):
        port = int(odoo.url.rpartition(":")[2])
        address = odoo.url
    async with start(
        odoo_url=address,
        odoo_hmac_secret=SECRET,
        facts=True,
        speeding_min_s=0.5,
        push_backoff_max_s=min(30.0, scale.odoo_outage_s / 10),
    ) as process:
        load = Load(process, pause_s=scale.pause_s)
        odoo.vehicles.update(sender.device_id for sender in load.senders)
        async with load.running():
            async with serving(odoo, port):
                await load.goes_on(scale.fixes, scale.calm_s)
                async with odoo.held():
                    await odoo.wait_until_asked()
                    process.kill()
            refused = load.ledger.refused
            await process.start()
            await load.goes_on(scale.fixes)
            before = len(load.ledger.acknowledged)
            await asyncio.sleep(scale.odoo_outage_s)
            assert len(load.ledger.acknowledged) > before
            assert load.ledger.refused == refused, "the devices noticed"
        async with serving(odoo, port):
            await eventually(lambda: has_caught_up(odoo, load.url), "Odoo has it all")
        await settle(load)
        assert odoo.bad_signatures == 0


async def has_caught_up(odoo: FakeOdoo, url: str) -> bool:
    """Whether Odoo has the newest position of each vehicle, and the last revision of
    each fact."""
    connection = await asyncpg.connect(url)
    newest = await connection.fetch(
        "SELECT device.vehicle_identifier, max(fix_time) "
        "FROM fix JOIN device ON device.id = fix.device GROUP BY 1"
    )
    waiting = await connection.fetchval("SELECT count(*) FROM fact_due")
    facts = await connection.fetch("SELECT uuid, revision FROM fact")
    await connection.close()
    positions = {
        name: datetime.fromisoformat(position["fix_time"])
        for name, position in odoo.positions.items()
    }
    revisions = {UUID(uuid): event["revision"] for uuid, event in odoo.events.items()}
    return (
        not waiting
        and bool(facts)
        and positions == {record[0]: record[1] for record in newest}
        and revisions == {record["uuid"]: record["revision"] for record in facts}
    )
