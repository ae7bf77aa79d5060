"""SQL of the quarantine."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.formats import Message

# What a row costs beside its payload, about.
OVERHEAD_BYTES = 512

_SUMMARY = (
    "id, allowance, protocol, transport, device_id, code, reason, size, times, "
    "first_seen, last_seen, acknowledged"
)


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A message, or the part of one, that could not be taken.

    ``allowance`` names whose room it takes; ``message`` holds a frame of a tracker as
    its body. ``device_id`` is whom it claims to be from, as far as that is known.
    ``acknowledged``: its sender is told that it is stored, and will forget it.
    """

    allowance: str
    protocol: str
    transport: str
    code: str
    reason: str
    message: Message
    received_at: datetime
    device_id: str | None = None
    acknowledged: bool = False

    @property
    def envelope(self) -> str:
        """What belongs to the message beside its body, as JSON."""
        bare = msgspec.structs.replace(self.message, body=b"")
        return msgspec.json.encode(bare).decode()

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.message.body) + len(self.envelope) + OVERHEAD_BYTES

    @property
    def digest(self) -> bytes:
        """What tells it from every other message of its allowance."""
        parts = (self.protocol, self.transport, self.device_id or "", self.envelope)
        hashed = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass"))
        hashed.update(b"\0" + self.message.body)
        return hashed.digest()


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A message in quarantine, without its content."""

    id: int
    allowance: str
    protocol: str
    transport: str
    device_id: str | None
    code: str
    reason: str
    size: int
    times: int
    first_seen: datetime
    last_seen: datetime
    acknowledged: bool


async def insert(connection: Executor, items: Sequence[Refused]) -> None:
    """Keep messages; one that is there already is counted and its reason renewed."""
    unique = {(item.allowance, item.digest): item for item in items}
    # In key order, so that two replicas wait for each other instead of deadlocking.
    rows = [unique[key] for key in sorted(unique)]
    await connection.execute(
        """
        INSERT INTO quarantine AS kept (
            allowance, protocol, transport, device_id, code, reason, envelope, payload,
            digest, size, first_seen, last_seen, acknowledged
        )
        SELECT allowance, protocol, transport, device_id, code, reason,
               envelope::jsonb, payload, digest, size, received_at, received_at,
               acknowledged
        FROM unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::text[], $8::bytea[], $9::bytea[], $10::integer[], $11::timestamptz[],
            $12::boolean[]
        ) AS row (
            allowance, protocol, transport, device_id, code, reason, envelope,
            payload, digest, size, received_at, acknowledged
        )
        ON CONFLICT (allowance, digest) DO UPDATE SET
            times = kept.times + 1, last_seen = excluded.last_seen,
            code = excluded.code, reason = excluded.reason,
            acknowledged = kept.acknowledged OR excluded.acknowledged
        """,
        [item.allowance for item in rows],
        [item.protocol for item in rows],
        [item.transport for item in rows],
        [item.device_id for item in rows],
        [item.code for item in rows],
        [item.reason for item in rows],
        [item.envelope for item in rows],
        [item.message.body for item in rows],
        [item.digest for item in rows],
        [item.size for item in rows],
        [item.received_at for item in rows],
        [item.acknowledged for item in rows],
    )


async def acknowledged_bytes(connection: Executor, allowance: str) -> tuple[int, int]:
    """The bytes of what must not be dropped: of one allowance, and of all."""
    record = await connection.fetchrow(
        """
        SELECT coalesce(sum(size) FILTER (WHERE allowance = $1), 0) AS own,
               coalesce(sum(size), 0) AS total
        FROM quarantine WHERE acknowledged
        """,
        allowance,
    )
    return (record["own"], record["total"]) if record else (0, 0)


async def trim(connection: Executor, allowance: str, max_bytes: int) -> None:
    """Drop what was not seen for longest, until the allowance is kept; never what was
    acknowledged."""
    await connection.execute(
        """
        DELETE FROM quarantine WHERE id IN (
            SELECT id FROM (
                SELECT id, acknowledged, sum(size) OVER (
                    ORDER BY acknowledged DESC, last_seen DESC, id DESC
                ) AS used
                FROM quarantine WHERE allowance = $1
            ) AS newest
            WHERE used > $2 AND NOT acknowledged
        )
        """,
        allowance,
        max_bytes,
    )


async def expire(connection: Executor, before: datetime, max_bytes: int) -> int:
    """Drop what was last seen before a time, and the oldest beyond all that may be
    kept, but nothing that was acknowledged; how many."""
    status = await connection.execute(
        """
        DELETE FROM quarantine WHERE NOT acknowledged AND (last_seen < $1 OR id IN (
            SELECT id FROM (
                SELECT id, sum(size) OVER (
                    ORDER BY acknowledged DESC, last_seen DESC, id DESC
                ) AS used
                FROM quarantine
            ) AS newest
            WHERE used > $2
        ))
        """,
        before,
        max_bytes,
    )
    return int(status.rpartition(" ")[2])


async def expire_acknowledged(connection: Executor, before: datetime) -> int:
    """Drop what was acknowledged, once last seen before a time; how many."""
    status = await connection.execute(
        "DELETE FROM quarantine WHERE acknowledged AND last_seen < $1", before
    )
    return int(status.rpartition(" ")[2])


async def page(
    connection: Executor, device_id: str | None, after: int, limit: int
) -> list[Kept]:
    """Messages in the order in which they came, of one device or of all."""
    records = await connection.fetch(
        f"""
        SELECT {_SUMMARY} FROM quarantine
        WHERE id > $1 AND ($2::text IS NULL OR device_id = $2)
        ORDER BY id
        LIMIT $3
        """,
        after,
        device_id,
        limit,
    )
    return [_kept(record) for record in records]


async def find(connection: Executor, key: int) -> tuple[Kept, Message] | None:
    """A message with its content."""
    record = await connection.fetchrow(
        f"SELECT {_SUMMARY}, envelope, payload FROM quarantine WHERE id = $1", key
    )
    if record is None:
        return None
    bare = msgspec.json.decode(record["envelope"], type=Message)
    return _kept(record), msgspec.structs.replace(bare, body=record["payload"])


async def renew(connection: Executor, key: int, code: str, reason: str) -> None:
    """Say why a message is still here."""
    await connection.execute(
        "UPDATE quarantine SET code = $2, reason = $3 WHERE id = $1", key, code, reason
    )


async def delete(connection: Executor, key: int) -> bool:
    """Let go of a message; False where there is none."""
    record = await connection.fetchrow(
        "DELETE FROM quarantine WHERE id = $1 RETURNING id", key
    )
    return record is not None


async def usage(connection: Executor) -> tuple[int, int]:
    """How many messages are kept, and how many bytes they take."""
    record = await connection.fetchrow(
        "SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM quarantine"
    )
    return (record["count"], record["bytes"]) if record else (0, 0)


def _kept(record: asyncpg.Record) -> Kept:
    values: dict[str, Any] = {name: record[name] for name in Kept.__struct_fields__}
    return Kept(**values)
