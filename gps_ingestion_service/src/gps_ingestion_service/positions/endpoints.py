"""Routes that take positions in and give them out."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPBearer

from gps_ingestion_service import formats
from gps_ingestion_service.api import IsoTime, errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.devices.schemas import DeviceId
from gps_ingestion_service.devices.signing import claim_of
from gps_ingestion_service.errors import UnknownSender
from gps_ingestion_service.fix import Rejection, Status, Verdict
from gps_ingestion_service.formats import Decoded, DecodeError, HttpFormat
from gps_ingestion_service.positions.intake import Received
from gps_ingestion_service.positions.requests import (
    allowance_of,
    cursor_time,
    native_sender,
    read_message,
    require_right_token_if_any,
    sender_of,
    signed_sender,
)
from gps_ingestion_service.positions.schemas import (
    ANSWER_EXAMPLE,
    NATIVE_BODY,
    IngestAnswer,
    PositionPage,
    PositionView,
)
from gps_ingestion_service.positions.service import Sender
from gps_ingestion_service.quarantine.service import ANONYMOUS
from gps_ingestion_service.state import State, StateDep, require_read

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)

sender_scheme = HTTPBearer(auto_error=False, scheme_name="device or ingest token")
ingest_router = APIRouter(tags=["ingestion"])
read_router = APIRouter(
    tags=["positions"],
    dependencies=[Depends(admin_scheme), Depends(require_read)],
    responses=errors(401, 403, 422, 429, 503),
)


def answer(verdicts: Sequence[Verdict]) -> Response:
    """The native answer: counts, and one verdict per row."""
    statuses = [verdict.status for verdict in verdicts]
    body: dict[str, Any] = {
        "accepted": statuses.count(Status.ACCEPTED),
        "duplicates": statuses.count(Status.DUPLICATE),
        "rejected": statuses.count(Status.REJECTED),
        "results": verdicts,
    }
    # Only where it happens: a sender that knows nothing of it sees what it always saw.
    if withheld := statuses.count(Status.WITHHELD):
        body["withheld"] = withheld
    return Response(msgspec.json.encode(body), media_type="application/json")


@ingest_router.post(
    "/v1/positions",
    dependencies=[Depends(sender_scheme)],
    response_model=IngestAnswer,
    responses={
        200: {
            "description": "a verdict per row, sent after commit",
            "content": {"application/json": {"example": ANSWER_EXAMPLE}},
        },
        **errors(400, 401, 403, 408, 413, 415, 429, 503),
    },
    openapi_extra=NATIVE_BODY,
)
async def receive_positions(request: Request, state: StateDep) -> Response:
    """Take a batch in the native format. A bad row is rejected by name and never
    refuses the others. Instead of a token, a device may send `X-TMS-Device`,
    `X-TMS-Timestamp` and `X-TMS-Signature`."""
    most = state.settings.max_body_bytes
    claim = claim_of(request.headers, time.time())
    if claim is None:
        sender = await native_sender(state, request)
        message = await read_message(request, most)
    else:
        message = await read_message(request, most)
        sender = await signed_sender(state, claim, message.body)
    received = Received(message, formats.HTTP_FORMATS["native"], datetime.now(UTC))
    decoded = await _decode(request, state, received, sender)
    return answer(await _take(state, received, decoded, sender))


async def receive_from_device(request: Request, state: StateDep) -> Response:
    """Take a message in any format that comes to this path, told apart by its content,
    and answer as the sender of that format expects. A message without a position is a
    keep-alive."""
    message = await read_message(request, state.settings.max_body_bytes)
    wire_format = formats.recognise(message, request.url.path)
    received = Received(message, wire_format, datetime.now(UTC))
    decoded = await _decode(request, state, received)
    if not decoded.rows and decoded.device_id is None:
        require_right_token_if_any(state, request)
        return _receipt(wire_format, [])
    try:
        sender = await sender_of(state, request, wire_format, decoded)
    except UnknownSender as error:
        if not decoded.rows and wire_format.receipt is not None:
            # There is nothing to store, and the app would send it for ever.
            return _receipt(wire_format, [])
        if decoded.rows:
            await state.quarantine.keep_if_possible(
                received.refused(
                    ANONYMOUS, error.code, error.message, decoded.device_id
                )
            )
        raise
    return _receipt(wire_format, await _take(state, received, decoded, sender))


async def _decode(
    request: Request, state: State, received: Received, sender: Sender | None = None
) -> Decoded:
    try:
        return received.wire_format.decode(
            received.message, received.received_at, state.settings.max_rows
        )
    except DecodeError as error:
        allowance = allowance_of(state, request)
        if sender is not None:
            rejection = Rejection(error.code, None, error.message)
            allowance, _ = sender.allowance(rejection)
        refused = received.undecodable(allowance, error)
        if refused is not None:
            await state.quarantine.keep_if_possible(refused)
        raise


async def _take(
    state: State, received: Received, decoded: Decoded, sender: Sender
) -> list[Verdict]:
    """Store the rows; those that are rejected are in quarantine before the answer."""
    verdicts = await state.ingestion.ingest(decoded.rows, sender, received.received_at)
    await state.quarantine.keep(received.rejected(decoded, verdicts, sender))
    return verdicts


def _receipt(wire_format: HttpFormat, verdicts: Sequence[Verdict]) -> Response:
    if wire_format.receipt is not None:
        return Response(wire_format.receipt, media_type="application/json")
    return answer(verdicts)


_QUERY = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {"type": "string"},
        "description": meaning,
        "example": example,
    }
    for name, meaning, example in (
        ("id", "device id; required in a query", "356307042441013"),
        ("token", "device token, never logged", "gps_..."),
        ("lat", "degrees", "18.5204"),
        ("lon", "degrees", "73.8567"),
        ("timestamp", "Unix s or ms, or ISO 8601", "1795428000"),
        ("speed", "knots", "29.5"),
        ("bearing", "degrees from north", "121"),
        ("altitude", "metres", "560"),
        ("accuracy", "metres", "8"),
        ("batt", "battery, %", "76"),
    )
]


_RECEIPT: dict[str, Any] = {"type": "array", "items": {}, "maxItems": 0}


def _answers(path: str) -> dict[int | str, dict[str, Any]]:
    """What senders on a path are told: verdicts, or the receipt their app wants."""
    found = [item for item in formats.HTTP_FORMATS.values() if path in ("/", item.path)]
    verdicts: list[dict[str, Any]] = []
    if any(item.receipt is None for item in found):
        verdicts.append({"$ref": "#/components/schemas/IngestAnswer"})
    if any(item.receipt is not None for item in found):
        verdicts.append(_RECEIPT)
    return {
        200: {
            "description": "dealt with",
            "content": {"application/json": {"schema": {"anyOf": verdicts}}},
        },
        **errors(400, 401, 403, 404, 408, 413, 415, 429, 503),
    }


def _add_device_routes(router: APIRouter) -> None:
    """The shared URL, and the path of every format that has no route of its own."""
    paths = {"/", *(item.path for item in formats.HTTP_FORMATS.values())}
    for path in sorted(paths - {"/v1/positions"}):
        # Some apps send their token elsewhere, and a keep-alive needs none.
        documented: dict[str, Any] = {"security": [{}]}
        if path in ("/", "/v1/osmand"):
            documented["parameters"] = _QUERY
        for method in ("GET", "POST"):
            router.add_api_route(
                path,
                receive_from_device,
                methods=[method],
                operation_id=f"{method.lower()}_{path.strip('/').replace('/', '_')}",
                dependencies=[Depends(sender_scheme)],
                response_class=Response,
                responses=_answers(path),
                openapi_extra=documented,
            )


_add_device_routes(ingest_router)


@read_router.get("/v1/devices/{device_id}/positions", responses=errors(404))
async def read_history(
    device_id: DeviceId,
    state: StateDep,
    start: Annotated[
        IsoTime | None, Query(alias="from", description="first time, included")
    ] = None,
    end: Annotated[
        IsoTime | None, Query(alias="to", description="last time, excluded")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> PositionPage:
    """The history of a device, oldest first."""
    device = await state.provisioning.find(device_id)
    after = max(start or _BEGINNING, _BEGINNING) - _INSTANT
    if cursor is not None:
        after = max(after, cursor_time(cursor))
    positions, more = await state.reading.history(
        device, after, min(end or _END, _END), limit
    )
    return PositionPage(
        positions=[PositionView.of(item) for item in positions],
        next=None if more is None else more.isoformat().replace("+00:00", "Z"),
    )


@read_router.get("/v1/positions/last")
async def read_last(
    state: StateDep,
    vehicle_identifier: Annotated[str | None, Query(max_length=32)] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    cursor: Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")] = "",
) -> PositionPage:
    """The newest position of each device, in the order of the device ids."""
    positions, more = await state.reading.last(vehicle_identifier, cursor, limit)
    return PositionPage(
        positions=[PositionView.of(item) for item in positions], next=more
    )
