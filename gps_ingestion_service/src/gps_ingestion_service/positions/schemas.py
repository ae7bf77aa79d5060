"""Bodies of the ingestion and reading API, as OpenAPI documents them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from gps_ingestion_service.fix import Status
from gps_ingestion_service.positions.repository import StoredPosition

EXAMPLE_ROW = {
    "device_id": "356307042441013",
    "latitude": 18.5204,
    "longitude": 73.8567,
    "timestamp": "2026-11-23T10:00:00Z",
    "speed": 15.2,
    "course": 121.0,
    "altitude": 560.0,
    "accuracy": 8.0,
    "attributes": {"ignition": True},
}


class NativeRow(BaseModel):
    """One position in the native format. Documentation only: a row is checked field by
    field, so that a wrong one costs itself and not its batch."""

    device_id: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] = None
    vehicle_identifier: Annotated[str | None, Field(pattern=r"^[A-Z0-9]{1,32}$")] = None
    latitude: Annotated[float, Field(ge=-90, le=90, description="degrees, WGS 84")]
    longitude: Annotated[float, Field(ge=-180, le=180, description="degrees, WGS 84")]
    timestamp: Annotated[str, Field(description="ISO 8601 with a zone")]
    speed: Annotated[float | None, Field(ge=0, le=1000, description="m/s")] = None
    course: Annotated[
        float | None, Field(ge=0, le=360, description="degrees from north")
    ] = None
    altitude: Annotated[
        float | None, Field(ge=-12_000, le=100_000, description="metres")
    ] = None
    accuracy: Annotated[
        float | None, Field(ge=0, le=10_000_000, description="metres")
    ] = None
    attributes: Annotated[
        dict[str, Any] | None, Field(description="anything else, at most 8 KiB")
    ] = None


class VerdictView(BaseModel):
    """What became of one row, after commit."""

    index: int
    status: Status
    code: str | None = None
    field: str | None = None
    reason: str | None = None


class IngestAnswer(BaseModel):
    """The answer to a batch, sent after commit."""

    accepted: int
    duplicates: int
    rejected: int
    withheld: Annotated[
        int, Field(description="dropped, because the device is stored on trips only")
    ] = 0
    results: list[VerdictView]


class PositionView(BaseModel):
    """A stored position in native units, with whose it is."""

    device_id: str
    vehicle_identifier: str
    timestamp: datetime
    sent_timestamp: Annotated[
        datetime | None,
        Field(
            description="as the device sent it, where that had no zone or was corrected"
        ),
    ]
    received_at: datetime
    latitude: float
    longitude: float
    speed: float | None
    course: float | None
    altitude: float | None
    accuracy: float | None
    attributes: dict[str, Any]
    flags: Annotated[
        list[Literal["mock_location", "impossible_jump", "no_lock"]],
        Field(description="what makes it doubtful"),
    ]

    @classmethod
    def of(cls, position: StoredPosition) -> "PositionView":
        """The view of a stored position."""
        fix = position.fix
        return cls(
            device_id=position.device_id,
            vehicle_identifier=position.vehicle_identifier,
            timestamp=fix.fix_time,
            sent_timestamp=fix.sent_time,
            received_at=position.received_at,
            latitude=fix.latitude,
            longitude=fix.longitude,
            speed=fix.speed,
            course=fix.course,
            altitude=fix.altitude,
            accuracy=fix.accuracy,
            attributes=dict(fix.attributes),
            flags=fix.flags.names,
        )


class PositionPage(BaseModel):
    """Positions; ``next`` is the cursor of the following page, or null."""

    positions: list[PositionView]
    next: str | None


_NATIVE_ROW = NativeRow.model_json_schema()

NATIVE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        _NATIVE_ROW,
                        {"type": "array", "items": _NATIVE_ROW},
                    ]
                },
                "examples": {
                    "batch": {"summary": "a batch", "value": [EXAMPLE_ROW]},
                    "single": {"summary": "one position", "value": EXAMPLE_ROW},
                },
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "one row a line"}
            },
        },
    }
}

ANSWER_EXAMPLE = {
    "accepted": 1,
    "duplicates": 0,
    "rejected": 1,
    "results": [
        {"index": 0, "status": "accepted"},
        {
            "index": 1,
            "status": "rejected",
            "code": "out_of_range",
            "field": "latitude",
            "reason": "latitude must be between -90 and 90",
        },
    ],
}
