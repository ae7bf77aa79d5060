"""What of an HTTP message could not be taken, on its way to quarantine."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import unquote_plus

import msgspec

from gps_ingestion_service.fix import Status, Verdict
from gps_ingestion_service.formats import Decoded, DecodeError, HttpFormat, Message
from gps_ingestion_service.formats.fields import DEVICE_ID
from gps_ingestion_service.positions.service import Sender
from gps_ingestion_service.quarantine.repository import Refused

# The sender spoke for another device: were it taken later, it would be taken as that.
_NEVER_KEPT = frozenset({"device_mismatch"})


class Received(msgspec.Struct, frozen=True):
    """A message over HTTP, its format and when it came."""

    message: Message
    wire_format: HttpFormat
    received_at: datetime

    def refused(
        self,
        allowance: str,
        code: str,
        reason: str,
        device_id: str | None,
        body: bytes | None = None,
        *,
        acknowledged: bool = False,
    ) -> Refused:
        """The message, or the part of it in ``body``, as quarantine keeps it."""
        message = without_token(self.message)
        if body is not None:
            message = msgspec.structs.replace(message, body=body)
        known = device_id is not None and DEVICE_ID.fullmatch(device_id)
        return Refused(
            allowance=allowance,
            protocol=self.wire_format.name,
            transport="http",
            device_id=device_id if known else None,
            code=code,
            reason=reason,
            message=message,
            received_at=self.received_at,
            acknowledged=acknowledged,
        )

    def undecodable(self, allowance: str, error: DecodeError) -> Refused | None:
        """A message that cannot be read, unless it is empty or merely too large."""
        if error.status != 400 or not (self.message.query or self.message.body):
            return None
        return self.refused(allowance, error.code, error.message, None)

    def rejected(
        self, decoded: Decoded, verdicts: Sequence[Verdict], sender: Sender
    ) -> list[Refused]:
        """The rows that were rejected, each by itself where the format allows it."""
        result = []
        for verdict in verdicts:
            if verdict.status is not Status.REJECTED or verdict.code in _NEVER_KEPT:
                continue
            row = decoded.rows[verdict.index]
            allowance, device_id = sender.allowance(row)
            body = None if decoded.part is None else decoded.part(verdict.index)
            code, reason = str(verdict.code), str(verdict.reason)
            result.append(
                self.refused(
                    allowance,
                    code,
                    reason,
                    device_id,
                    body,
                    acknowledged=not self.wire_format.reads_verdicts,
                )
            )
        return result


def without_token(message: Message) -> Message:
    """The message without the credential that its query or form may carry."""
    body = message.body
    if body.lstrip()[:1] not in (b"{", b"["):
        body = _scrubbed(body.decode("latin-1")).encode("latin-1")
    return msgspec.structs.replace(message, query=_scrubbed(message.query), body=body)


def _scrubbed(parameters: str) -> str:
    return "&".join(
        pair
        for pair in parameters.split("&")
        if unquote_plus(pair.partition("=")[0]) != "token"
    )
