"""The wire formats. Adding one is a module beside these and a line in the table."""

from gps_ingestion_service.decoders import native, osmand, traccar_client
from gps_ingestion_service.decoders.base import (
    Decoded,
    DecodeError,
    Decoder,
    Message,
    TooManyRows,
)

__all__ = [
    "DECODERS",
    "DecodeError",
    "Decoded",
    "Decoder",
    "Message",
    "TooManyRows",
    "recognise",
]

# The order matters where formats share a URL: OsmAnd takes what no other claims.
DECODERS: dict[str, Decoder] = {
    decoder.name: decoder
    for decoder in (
        native.DECODER,
        traccar_client.DECODER,
        osmand.DECODER,
    )
}


def recognise(message: Message) -> Decoder:
    """The format of a message that came to the shared device URL, by its content."""
    for decoder in DECODERS.values():
        if decoder.recognises is not None and decoder.recognises(message):
            return decoder
    raise DecodeError("unknown_format", "no known format has this content")
