"""One signed call to Odoo, and what its answer means."""

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import httpx
import msgspec

from gps_ingestion_service.push.repository import Waiting
from gps_ingestion_service.push.signing import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    signature,
)

PATH = "/tms/gps/v1/positions"
_KMH_PER_MPS = 3.6


class Result(StrEnum):
    """Odoo's answer for one position."""

    STORED = "stored"
    STALE = "stale"
    UNKNOWN_VEHICLE = "unknown_vehicle"
    INVALID = "invalid"
    REPLAYED = "replayed"


class OdooUnavailable(Exception):
    """No usable answer: the whole batch is kept and sent again later."""


class BatchRefused(Exception):
    """Odoo refuses the body as such: send smaller parts to find what it refuses."""


class OdooClient:
    """Sends batches of positions."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, secret: str) -> None:
        self._http = http
        self._url = base_url + PATH
        self._secret = secret

    async def send(self, positions: Sequence[Waiting]) -> list[Result]:
        """Odoo's result per position, in order.

        Raises:
            OdooUnavailable: no connection, an error status, or an answer that does
                not fit the positions sent.
            BatchRefused: 400 or 413.
        """
        body = encode(positions)
        timestamp = int(time.time())
        try:
            response = await self._http.post(
                self._url,
                content=body,
                headers={
                    "Content-Type": "application/json",
                    TIMESTAMP_HEADER: str(timestamp),
                    SIGNATURE_HEADER: signature(self._secret, timestamp, body),
                },
            )
        except httpx.HTTPError as error:
            raise OdooUnavailable(type(error).__name__) from error
        return _results(response, len(positions))


def encode(positions: Sequence[Waiting]) -> bytes:
    """The body of one call."""
    return msgspec.json.encode(
        {
            "batch_id": str(uuid.uuid4()),
            "positions": [_payload(position) for position in positions],
        }
    )


def _payload(position: Waiting) -> dict[str, Any]:
    speed = position.speed
    return {
        "vehicle_identifier": position.vehicle_identifier,
        "device_id": position.device_id,
        "fix_time": _utc(position.fix_time),
        "latitude": position.latitude,
        "longitude": position.longitude,
        "speed_kmh": None if speed is None else round(speed * _KMH_PER_MPS, 3),
        "course": position.course,
        "accuracy_m": position.accuracy,
        "altitude_m": position.altitude,
        "received_at": _utc(position.received_at),
    }


def _utc(time_: datetime) -> str:
    return time_.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _results(response: httpx.Response, count: int) -> list[Result]:
    code = _error_code(response)
    if response.status_code == 409 and code == "replayed":
        return [Result.REPLAYED] * count
    if response.status_code in (400, 413):
        raise BatchRefused(f"{response.status_code} {code}")
    if response.status_code != 200:
        raise OdooUnavailable(f"{response.status_code} {code}")
    try:
        rows = msgspec.json.decode(response.content)["results"]
        results = [Result(row["status"]) for row in rows]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise OdooUnavailable("the answer has not the agreed form") from error
    if len(results) != count:
        raise OdooUnavailable(f"{len(results)} results for {count} positions")
    return results


def _error_code(response: httpx.Response) -> str:
    try:
        code = msgspec.json.decode(response.content)["error"]["code"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return "without code"
    # Part of a log line: whatever answers there may not be Odoo.
    return code[:40] if isinstance(code, str) else "without code"
