"""Routes of the quarantine, for the admin token."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query

from gps_ingestion_service.api import errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.devices.schemas import DeviceId
from gps_ingestion_service.fix import Rejection, Row, printable
from gps_ingestion_service.formats import DecodeError
from gps_ingestion_service.positions.schemas import VerdictView
from gps_ingestion_service.quarantine.replay import Replayed
from gps_ingestion_service.quarantine.schemas import (
    Inspection,
    MessagePage,
    MessageView,
    ReplayAnswer,
    ReplayPage,
)
from gps_ingestion_service.state import StateDep, require_admin

router = APIRouter(
    prefix="/v1/quarantine",
    tags=["quarantine"],
    dependencies=[Depends(admin_scheme), Depends(require_admin)],
    responses=errors(401, 422, 429, 503),
)

MessageId = Annotated[int, Path(ge=1, lt=2**63)]
Cursor = Annotated[int, Query(ge=0, lt=2**63)]


@router.get("")
async def list_messages(
    state: StateDep,
    device_id: Annotated[DeviceId | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Cursor = 0,
) -> MessagePage:
    """What is in quarantine, oldest first, of one device or of all."""
    found, more = await state.replay.page(device_id, cursor, limit)
    return MessagePage(messages=[MessageView.of(item) for item in found], next=more)


@router.get("/{message_id:int}", responses=errors(404))
async def inspect_message(message_id: MessageId, state: StateDep) -> Inspection:
    """One message with its content, and what it decodes to now."""
    kept, message = await state.replay.find(message_id)
    rows: list[Row] = []
    refusals = []
    try:
        rows = state.replay.decode(kept, message)
    except DecodeError as error:
        refusals.append(f"{error.code}: {error.message}")
    fixes = []
    for row in rows:
        if isinstance(row, Rejection):
            refusals.append(f"{row.code}: {row.reason}")
        else:
            fixes.append(msgspec.to_builtins(printable(row)))
    return Inspection(
        message=MessageView.of(kept),
        query=message.query,
        content_type=message.content_type,
        text=Inspection.text_of(message),
        hex=message.body.hex(),
        fixes=fixes,
        refusals=refusals,
    )


@router.post("/replay")
async def replay_messages(
    state: StateDep,
    device_id: Annotated[DeviceId, Query()],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Cursor = 0,
) -> ReplayPage:
    """Take the messages of a device again, oldest first."""
    found, more = await state.replay.page(device_id, cursor, limit)
    results = [answer(await state.replay.replay(item.id)) for item in found]
    released = sum(item.released for item in results)
    return ReplayPage(
        released=released, kept=len(results) - released, results=results, next=more
    )


@router.post("/{message_id:int}/replay", responses=errors(404))
async def replay_message(message_id: MessageId, state: StateDep) -> ReplayAnswer:
    """Take one message again; it leaves the quarantine when nothing of it is refused
    any more."""
    return answer(await state.replay.replay(message_id))


@router.delete("/{message_id:int}", status_code=204, responses=errors(404))
async def discard_message(message_id: MessageId, state: StateDep) -> None:
    """Let go of a message for good."""
    await state.replay.discard(message_id)


def answer(replayed: Replayed) -> ReplayAnswer:
    """The body that tells what became of a message."""
    return ReplayAnswer(
        id=replayed.id,
        released=replayed.released,
        code=replayed.code,
        reason=replayed.reason,
        results=[
            VerdictView(**msgspec.to_builtins(verdict)) for verdict in replayed.verdicts
        ],
    )
