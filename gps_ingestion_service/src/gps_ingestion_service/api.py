"""What the routes of every domain share: times, error schemas and their examples."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _iso(value: object) -> object:
    """Refuse numbers, which would otherwise be read as seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise ValueError("must be ISO 8601, such as 2026-11-23 or 2026-11-23T10:00:00Z")


IsoTime = Annotated[AwareDatetime, BeforeValidator(_iso)]
IsoDate = Annotated[date, BeforeValidator(_iso)]


class ErrorDetail(BaseModel):
    """A stable code for programs, a message for people."""

    code: str
    message: str


class ErrorBody(BaseModel):
    """The body of every error."""

    error: ErrorDetail


_MEANINGS = {
    400: ("the request cannot be read", "invalid_json"),
    401: ("no token, or a wrong one", "invalid_token"),
    403: ("the device is disabled, or the token opens other things", "device_disabled"),
    404: ("there is no such device or message", "unknown_device"),
    408: ("the request took too long to come; send it again", "body_timeout"),
    409: ("the version is stale or taken", "stale_version"),
    413: ("the body or the number of rows is too large", "body_too_large"),
    415: ("the content type is not supported", "unsupported_media_type"),
    422: ("a parameter or a field is wrong", "invalid_request"),
    429: ("too many requests, or failures; wait for Retry-After", "too_many_requests"),
    503: ("nothing was stored; send it again after Retry-After", "storage_unavailable"),
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` of these statuses."""
    return {
        status: {
            "model": ErrorBody,
            "description": _MEANINGS[status][0],
            "content": {
                "application/json": {
                    "example": {
                        "error": {
                            "code": _MEANINGS[status][1],
                            "message": _MEANINGS[status][0],
                        }
                    }
                }
            },
        }
        for status in statuses
    }
