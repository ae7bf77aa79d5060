"""One signed call to Odoo, and what its answer means."""

import time
from enum import StrEnum

import httpx
import msgspec

from gps_ingestion_service.push.signing import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    signature,
)


class Result(StrEnum):
    """What Odoo did with one position or event."""

    STORED = "stored"
    STALE = "stale"
    UNKNOWN_VEHICLE = "unknown_vehicle"
    INVALID = "invalid"
    REPLAYED = "replayed"


class Answer(msgspec.Struct, frozen=True):
    """Odoo's answer for one position or event."""

    result: Result
    reason: str = ""


class OdooUnavailable(Exception):
    """No usable answer: the whole batch is kept and sent again later."""


class BatchRefused(Exception):
    """Odoo refuses the body as such: send smaller parts to find what it refuses."""


class OdooClient:
    """Sends batches."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, secret: str) -> None:
        self._http = http
        self._base_url = base_url
        self._secret = secret

    async def send(self, path: str, body: bytes, count: int) -> list[Answer]:
        """Odoo's answer to each of the ``count`` items of the body, in order.

        Raises:
            OdooUnavailable: no connection, an error status, or an answer that does
                not fit what was sent.
            BatchRefused: 400 or 413.
        """
        timestamp = int(time.time())
        try:
            response = await self._http.post(
                self._base_url + path,
                content=body,
                headers={
                    "Content-Type": "application/json",
                    TIMESTAMP_HEADER: str(timestamp),
                    SIGNATURE_HEADER: signature(self._secret, timestamp, body),
                },
            )
        except httpx.HTTPError as error:
            raise OdooUnavailable(type(error).__name__) from error
        return _answers(response, count)


def _answers(response: httpx.Response, count: int) -> list[Answer]:
    code = _error_code(response)
    if response.status_code == 409 and code == "replayed":
        return [Answer(Result.REPLAYED)] * count
    if response.status_code in (400, 413):
        raise BatchRefused(f"{response.status_code} {code}")
    if response.status_code != 200:
        raise OdooUnavailable(f"{response.status_code} {code}")
    try:
        rows = msgspec.json.decode(response.content)["results"]
        answers = [
            Answer(Result(row["status"]), str(row.get("reason", ""))[:200])
            for row in rows
        ]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise OdooUnavailable("the answer has not the agreed form") from error
    if len(answers) != count:
        raise OdooUnavailable(f"{len(answers)} answers to {count} items")
    return answers


def _error_code(response: httpx.Response) -> str:
    try:
        code = msgspec.json.decode(response.content)["error"]["code"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return "without code"
    # Part of a log line: whatever answers there may not be Odoo.
    return code[:40] if isinstance(code, str) else "without code"
