"""Errors that a client sees: a status, a stable code and what to do next."""

from math import ceil

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from gps_ingestion_service.formats import DecodeError


class ServiceError(Exception):
    """Refusal of a whole request.

    ``retry_after_s`` becomes the ``Retry-After`` header and tells a device to keep
    its data and try again. ``unproven``: the sender did not prove who it is, and its
    address may fail like this only so often.
    """

    unproven = False

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_s: int | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message)
        self.allow = allow
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


class StorageUnavailable(ServiceError):
    """The database cannot commit now; nothing of the request counts as accepted."""

    def __init__(self, message: str = "the database cannot be written now") -> None:
        super().__init__(
            503,
            "storage_unavailable",
            f"{message}; keep the data and send it again",
            retry_after_s=5,
        )


class QueueFull(ServiceError):
    """More rows wait for a commit than the service is willing to hold."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "queue_full",
            "too many rows wait to be stored; keep the data and send it again",
            retry_after_s=1,
        )


class QuarantineFull(ServiceError):
    """What is refused of this sender can no longer be kept for it."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "quarantine_full",
            "what was refused of this sender takes all the room there is for it in "
            "quarantine; keep the data and send it again once that was replayed or "
            "discarded",
            retry_after_s=60,
        )


class TooManyConnections(ServiceError):
    """More connections are open than the service is willing to hold."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "too_many_connections",
            "too many connections are open; keep the data and send it again",
            retry_after_s=5,
        )


class TooManyBytes(ServiceError):
    """What waits for its answer holds all the memory that it may."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "too_many_bytes",
            "too many bytes wait to be stored; keep the data and send it again",
            retry_after_s=1,
        )


class Stopping(ServiceError):
    """The service stops and cannot wait for the rest of a request."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "stopping",
            "the service stops; keep the data and send it again",
            retry_after_s=5,
        )


class TooSlow(ServiceError):
    """The ``part`` of a request, head or body, took longer than it may."""

    def __init__(self, part: str, limit_s: float) -> None:
        super().__init__(
            408,
            f"{part}_timeout",
            f"the {part} took longer than {limit_s:g} s; keep the data and send it "
            "again, in smaller batches where the line is slow",
        )


class BodyTooLarge(ServiceError):
    """A body is larger than that of one request may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            413,
            "body_too_large",
            f"the body exceeds {limit} bytes; send smaller batches",
        )


class HeadTooLarge(ServiceError):
    """Target and headers are larger than those of any sender."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            431, "head_too_large", f"target and headers exceed {limit} bytes"
        )


class NotReady(ServiceError):
    """The service runs but has not loaded what it needs to answer."""

    def __init__(self, message: str) -> None:
        super().__init__(503, "not_ready", message, retry_after_s=5)


class Unauthorised(ServiceError):
    """No token or signature, or one that does not open this route."""

    unproven = True

    def __init__(self, message: str, code: str = "invalid_token") -> None:
        super().__init__(401, code, message)


class UnknownSender(ServiceError):
    """A message names a device that nobody provisioned."""

    unproven = True

    def __init__(self, status: int) -> None:
        super().__init__(
            status, "unknown_device", "no device has this id; provision it"
        )


class TooManyRequests(ServiceError):
    """A device sends faster than any device has to."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            429,
            "too_many_requests",
            "this device sends too many requests; keep the data, wait for Retry-After "
            "seconds, and send several fixes in one request",
            retry_after_s=ceil(wait_s),
        )


class TooManyFailures(ServiceError):
    """One address was refused too often."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            429,
            "too_many_failures",
            "this address sent too many wrong tokens or unknown devices; keep the "
            "data, wait for Retry-After seconds, and check token and device id",
            retry_after_s=ceil(wait_s),
        )


class Forbidden(ServiceError):
    """A valid token that does not open this route."""

    def __init__(self, message: str) -> None:
        super().__init__(403, "insufficient_scope", message)


def error_response(error: ServiceError) -> JSONResponse:
    """The body and headers that every error of the service has."""
    headers = {}
    if error.allow is not None:
        headers["Allow"] = error.allow
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        {"error": {"code": error.code, "message": error.message}},
        status_code=error.status,
        headers=headers,
    )


_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def as_service_error(error: Exception) -> ServiceError:
    """Any refusal that a route, a decoder or the framework raises, in our own form."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, DecodeError):
        return ServiceError(error.status, error.code, error.message)
    if isinstance(error, RequestValidationError):
        if any(item["type"] == "json_invalid" for item in error.errors()):
            return ServiceError(400, "invalid_json", "the body is not JSON")
        return ServiceError(422, "invalid_request", _explain(error))
    if isinstance(error, HTTPException):
        code = _HTTP_CODES.get(error.status_code, "http_error")
        return ServiceError(error.status_code, code, str(error.detail))
    raise error


def _explain(error: RequestValidationError) -> str:
    """Which parameter or field is wrong and why, without repeating its value."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
        for item in error.errors()
    )
