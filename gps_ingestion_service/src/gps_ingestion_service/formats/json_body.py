"""Reading a JSON body so that a wrong value still costs one row only."""

import json
from typing import Any

import msgspec

from gps_ingestion_service.formats.base import DecodeError


def parse(body: bytes) -> Any:
    """The JSON value of ``body``.

    The fast parser is strict. What it refuses is read again by the standard one,
    which lets NaN, Infinity and lone surrogates through, so that the field check can
    name the row they stand in instead of the whole batch being refused.

    Raises:
        DecodeError: ``invalid_encoding`` or ``invalid_json``.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parse_leniently(body)
    except RecursionError:
        raise _too_deep() from None


def peek(body: bytes) -> dict[str, Any] | None:
    """The JSON object of ``body``, or None where it is anything else."""
    if body.lstrip()[:1] != b"{":
        return None
    try:
        document = parse(body)
    except DecodeError:
        return None
    return document if isinstance(document, dict) else None


def encode(document: object) -> bytes:
    """JSON that :func:`parse` reads back as it was, NaN and lone surrogates too."""
    return json.dumps(document, separators=(",", ":")).encode()


def _parse_leniently(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DecodeError(
            "invalid_encoding", f"the body is not UTF-8 (byte {error.start})"
        ) from None
    except json.JSONDecodeError as error:
        raise DecodeError(
            "invalid_json",
            f"the body is not JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}",
        ) from None
    except ValueError:
        raise DecodeError("invalid_json", "the body holds an endless number") from None
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> DecodeError:
    return DecodeError("invalid_json", "the body is nested too deeply")
