"""Bodies of the quarantine's API."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from gps_ingestion_service.formats import Message
from gps_ingestion_service.positions.schemas import VerdictView
from gps_ingestion_service.quarantine.repository import Kept
from gps_ingestion_service.quarantine.service import ANONYMOUS


class MessageView(BaseModel):
    """A message in quarantine, without its content."""

    id: int
    protocol: Annotated[str, Field(examples=["teltonika"])]
    transport: Annotated[str, Field(examples=["tcp"])]
    device_id: Annotated[str | None, Field(description="whom it claims to be from")]
    authenticated: Annotated[bool, Field(description="the sender proved who it is")]
    code: Annotated[str, Field(examples=["unknown_device"])]
    reason: str
    size: Annotated[int, Field(description="bytes that it takes")]
    times: Annotated[int, Field(description="how often it came")]
    first_seen: datetime
    last_seen: datetime
    acknowledged: Annotated[
        bool, Field(description="the sender was told to forget it: nothing drops it")
    ]

    @classmethod
    def of(cls, kept: Kept) -> "MessageView":
        """The view of a kept message."""
        return cls(
            id=kept.id,
            protocol=kept.protocol,
            transport=kept.transport,
            device_id=kept.device_id,
            authenticated=kept.allowance != ANONYMOUS,
            code=kept.code,
            reason=kept.reason,
            size=kept.size,
            times=kept.times,
            first_seen=kept.first_seen,
            last_seen=kept.last_seen,
            acknowledged=kept.acknowledged,
        )


class MessagePage(BaseModel):
    """Messages in the order in which they came; ``next`` continues after the last."""

    messages: list[MessageView]
    next: int | None


class Inspection(BaseModel):
    """A message, its content, and what it decodes to now or why it does not."""

    message: MessageView
    query: str
    content_type: str
    text: Annotated[str | None, Field(description="null where it is no text")]
    hex: str
    fixes: list[dict[str, Any]]
    refusals: list[str]

    @staticmethod
    def text_of(message: Message) -> str | None:
        """The body as text, where it is one."""
        try:
            return message.body.decode()
        except UnicodeDecodeError:
            return None


class ReplayAnswer(BaseModel):
    """What became of one message."""

    id: int
    released: bool
    code: str | None
    reason: str | None
    results: list[VerdictView]


class ReplayPage(BaseModel):
    """What became of several; ``next`` continues after the last."""

    released: int
    kept: int
    results: list[ReplayAnswer]
    next: int | None
