"""The wire formats. Adding one is a module beside these and a line in a table."""

from gps_ingestion_service.formats import (
    gt06,
    json_body,
    native,
    osmand,
    owntracks,
    teltonika,
    traccar_client,
    traccar_forward,
)
from gps_ingestion_service.formats.base import (
    Decoded,
    DecodeError,
    HttpFormat,
    Message,
    TooManyRows,
)
from gps_ingestion_service.formats.binary import FrameError
from gps_ingestion_service.formats.tracker import TrackerFormat

__all__ = [
    "HTTP_FORMATS",
    "TRACKER_FORMATS",
    "DecodeError",
    "Decoded",
    "FrameError",
    "HttpFormat",
    "Message",
    "TooManyRows",
    "TrackerFormat",
    "recognise",
]

# The order matters where formats share a URL: the first that recognises a message
# takes it, and OsmAnd takes what no other claims.
HTTP_FORMATS: dict[str, HttpFormat] = {
    item.name: item
    for item in (
        native.FORMAT,
        owntracks.FORMAT,
        traccar_forward.FORMAT,
        traccar_client.FORMAT,
        osmand.FORMAT,
    )
}

TRACKER_FORMATS: dict[str, TrackerFormat] = {
    item.name: item for item in (teltonika.FORMAT, gt06.FORMAT)
}


def recognise(message: Message, path: str = "/") -> HttpFormat:
    """The format of a message that came to ``path``, by its content.

    Every format may come to ``/``; a path of their own narrows the choice.
    """
    choice = [item for item in HTTP_FORMATS.values() if path in ("/", item.path)]
    if len(choice) == 1:
        return choice[0]
    document = json_body.peek(message.body)
    for item in choice:
        if item.recognises(message, document):
            return item
    raise DecodeError("unknown_format", "no known format has this content")
