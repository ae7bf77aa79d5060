"""Bodies of the events' API."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from gps_ingestion_service.events.repository import Delivery, Event
from gps_ingestion_service.facts.model import Kind


class EventView(BaseModel):
    """A fact, and how far its delivery has come."""

    uuid: UUID
    revision: Annotated[int, Field(description="counts the changes of the fact")]
    retracted: Annotated[bool, Field(description="late fixes showed it to be wrong")]
    kind: Kind
    subject: Annotated[str, Field(description="what of, where there are several")]
    vehicle_identifier: str
    device_id: str
    started_at: datetime
    ended_at: Annotated[datetime | None, Field(description="null while it lasts")]
    latitude: float
    longitude: float
    data: dict[str, str | float | bool | None]
    changed_at: datetime
    delivery: Delivery
    delivered_revision: Annotated[int, Field(description="the newest that Odoo has")]
    refusals: int
    dead_reason: str | None

    @classmethod
    def of(cls, event: Event) -> "EventView":
        """The view of an event."""
        fact = event.stored.fact
        return cls(
            uuid=event.stored.uuid,
            revision=event.stored.revision,
            retracted=event.stored.retracted,
            kind=fact.kind,
            subject=fact.subject,
            vehicle_identifier=fact.vehicle_identifier,
            device_id=event.device_id,
            started_at=fact.started_at,
            ended_at=fact.ended_at,
            latitude=fact.latitude,
            longitude=fact.longitude,
            data=dict(fact.data),
            changed_at=event.changed_at,
            delivery=event.delivery,
            delivered_revision=event.delivered_revision,
            refusals=event.refusals,
            dead_reason=event.dead_reason,
        )


class EventPage(BaseModel):
    """Events in the order in which they were found; ``next`` continues."""

    events: list[EventView]
    next: int | None


class Resent(BaseModel):
    """How many events wait for Odoo again."""

    resent: int
