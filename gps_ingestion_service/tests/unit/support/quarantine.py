"""Messages that could not be taken: put into quarantine, and asked for."""

from datetime import UTC, datetime
from typing import Any

import httpx
from support.service import ADMIN, Service

from gps_ingestion_service.formats import Message
from gps_ingestion_service.quarantine.repository import Refused


async def call(
    service: Service, method: str, path: str = "", **params: Any
) -> httpx.Response:
    return await service.client.request(
        method, f"/v1/quarantine{path}", params=params, headers=ADMIN
    )


async def kept(service: Service, **params: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = (await call(service, "GET", **params)).json()[
        "messages"
    ]
    return messages


def refused(body: bytes, **values: Any) -> Refused:
    """A message that could not be taken."""
    item: dict[str, Any] = {
        "allowance": "one",
        "protocol": "teltonika",
        "transport": "tcp",
        "code": "wrong_checksum",
        "reason": "damaged",
        "device_id": "one",
        "received_at": datetime.now(UTC),
        **values,
    }
    return Refused(message=Message(body=body), **item)


async def hold(service: Service, body: bytes, **values: Any) -> int:
    """Put a message into quarantine and return its id."""
    await service.state.quarantine.keep([refused(body, **values)])
    return int((await kept(service))[-1]["id"])
