"""Tracks as GeoJSON and CSV, written while they are read."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from gps_ingestion_service.fix import Fix
from gps_ingestion_service.positions.repository import StoredPosition

# Enough for one network write; a piece per fix would cost more than the fix.
_CHUNK_BYTES = 32 * 1024
_NUMBERS = ("latitude", "longitude", "speed", "course", "altitude", "accuracy")
_MORE = ("attributes", "sent_timestamp", "flags")
_COLUMNS = ("timestamp", "vehicle_identifier", *_NUMBERS, *_MORE)


async def geojson(positions: AsyncIterator[StoredPosition]) -> AsyncIterator[bytes]:
    """A FeatureCollection with a Point for every fix (RFC 7946)."""
    out = bytearray(b'{"type":"FeatureCollection","features":[')
    separator = b""
    async for position in positions:
        out += separator + msgspec.json.encode(_feature(position))
        separator = b",\n"
        if len(out) >= _CHUNK_BYTES:
            yield bytes(out)
            out.clear()
    yield bytes(out) + b"]}"


def _feature(position: StoredPosition) -> dict[str, object]:
    fix = position.fix
    place = [fix.longitude, fix.latitude]
    return {
        "type": "Feature",
        "geometry": {
            "type": "Point",
            "coordinates": place if fix.altitude is None else [*place, fix.altitude],
        },
        "properties": {
            "timestamp": fix.fix_time,
            "sent_timestamp": fix.sent_time,
            "device_id": position.device_id,
            "vehicle_identifier": position.vehicle_identifier,
            "speed": fix.speed,
            "course": fix.course,
            "accuracy": fix.accuracy,
            "attributes": fix.attributes,
            "flags": fix.flags.names,
        },
    }


async def comma_separated(
    positions: AsyncIterator[StoredPosition],
) -> AsyncIterator[bytes]:
    """A line for every fix behind a line of names (RFC 4180)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    async for position in positions:
        writer.writerow(_cells(position))
        if out.tell() >= _CHUNK_BYTES:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _cells(position: StoredPosition) -> list[object]:
    fix: Fix = position.fix
    attributes = msgspec.json.encode(fix.attributes).decode() if fix.attributes else ""
    return [
        _time(fix.fix_time),
        position.vehicle_identifier,
        *(getattr(fix, name) for name in _NUMBERS),
        attributes,
        "" if fix.sent_time is None else _time(fix.sent_time),
        " ".join(fix.flags.names),
    ]


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
