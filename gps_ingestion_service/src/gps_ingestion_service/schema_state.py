"""How far apart this program's schema and the database's are.

A pod waits here before it starts, and a deployment asks here before it replaces
anything: only the program knows which schemas it can serve.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from enum import Enum

import asyncpg

from gps_ingestion_service import schema
from gps_ingestion_service.database import connect_arguments, is_outage
from gps_ingestion_service.settings import DatabaseSettings

POLL_S = 2.0

Read = Callable[[], Awaitable[str | None]]


class State(Enum):
    """The database, seen from this program."""

    MISSING = "missing"
    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"

    @property
    def serves(self) -> bool:
        """Whether a pod may start: migrations only add, so a newer one serves."""
        return self in (State.CURRENT, State.AHEAD)


def judge(revision: str | None) -> State:
    """The state of a database at ``revision``; None: no migration ever ran.

    A revision that this program does not know comes from a newer one.
    """
    if revision is None:
        return State.MISSING
    if revision == schema.head_revision():
        return State.CURRENT
    return State.BEHIND if revision in schema.known_revisions() else State.AHEAD


def report(revision: str | None) -> str:
    """One line of JSON: ``image``, ``database`` and ``state``."""
    document = {
        "image": schema.head_revision(),
        "database": revision,
        "state": judge(revision).value,
    }
    return json.dumps(document)


async def read_revision(settings: DatabaseSettings) -> str | None:
    """The database's revision, over a connection of its own."""
    connection = await asyncpg.connect(**connect_arguments(settings))
    try:
        return await schema.current_revision(connection)
    finally:
        await connection.close()


async def wait(read: Read, timeout_s: float, poll_s: float = POLL_S) -> str | None:
    """Read until the schema serves; a database that is away is waited for as well.

    :returns: the revision, of a schema that serves.
    :raises TimeoutError: it did not come to that within ``timeout_s`` seconds.
    """
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                revision = await read()
            except Exception as error:
                if not is_outage(error):
                    raise
            else:
                if judge(revision).serves:
                    return revision
            await asyncio.sleep(poll_s)
