"""Reading a request: its body within limits, and who sent it."""

from datetime import datetime
from urllib.parse import parse_qs

from starlette.requests import Request

from gps_ingestion_service import auth
from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.devices.signing import Claim
from gps_ingestion_service.errors import (
    BodyTooLarge,
    ServiceError,
    TooManyRequests,
    Unauthorised,
    UnknownSender,
)
from gps_ingestion_service.formats import Decoded, HttpFormat, Message
from gps_ingestion_service.positions.service import GATEWAY, DeviceSender, Sender
from gps_ingestion_service.quarantine.service import ANONYMOUS
from gps_ingestion_service.state import State


async def read_message(request: Request, max_body_bytes: int) -> Message:
    """The request as formats take it.

    Raises:
        ServiceError: 413 as soon as more than ``max_body_bytes`` are announced or
            sent, 415 for a compressed body.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ServiceError(
            415, "unsupported_media_type", "send the body without Content-Encoding"
        )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_body_bytes:
        raise BodyTooLarge(max_body_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_body_bytes:
            raise BodyTooLarge(max_body_bytes)
    return Message(
        query=request.scope["query_string"].decode(),
        body=bytes(body),
        content_type=request.headers.get("content-type", ""),
        user=request.headers.get("x-limit-u", ""),
        device=request.headers.get("x-limit-d", ""),
    )


async def native_sender(state: State, request: Request) -> Sender:
    """The gateway or device behind the bearer token of a native request.

    Raises:
        ServiceError: 401 for no or a wrong token, 403 for a disabled device, 429 for
            one that sends too often.
    """
    token = auth.require_token(request.headers.get("authorization"))
    if state.credentials.is_ingest(token):
        return state.ingestion.gateway()
    state.registry.require_loaded()
    device = state.registry.device_of_token(token)
    if device is None:
        await state.registry.look_again(token=token)
        device = state.registry.device_of_token(token)
    if device is None:
        raise Unauthorised("no device and no gateway has this token")
    return _device_sender(state, device)


async def signed_sender(state: State, claim: Claim, body: bytes) -> DeviceSender:
    """The device that signed the body.

    Raises:
        ServiceError: 401 for a wrong signature, 403 for a disabled device, 429 for one
            that sends too often.
    """
    state.registry.require_loaded()
    claimed = state.registry.device(claim.device_id)
    try:
        device = state.signing.verify(claim, claimed, body)
    except Unauthorised:
        await state.registry.look_again(claim.device_id)
        claimed = state.registry.device(claim.device_id)
        device = state.signing.verify(claim, claimed, body)
    return _device_sender(state, device)


async def sender_of(
    state: State, request: Request, wire_format: HttpFormat, decoded: Decoded
) -> Sender:
    """Who sent a message, once the token is checked.

    Raises:
        ServiceError: the format's own status for an unknown device, 401 for a wrong
            token, 403 for a disabled device, 429 for one that sends too often.
    """
    if decoded.device_id is None:
        return await native_sender(state, request)
    state.registry.require_loaded()
    token = _token(request)
    if state.credentials.is_ingest(token):
        return state.ingestion.gateway()
    device = state.registry.device(decoded.device_id)
    if device is None or not auth.matches(token, device.token_hash):
        await state.registry.look_again(decoded.device_id)
        device = state.registry.device(decoded.device_id)
    if device is None:
        raise UnknownSender(wire_format.unknown_device_status)
    if not auth.matches(token, device.token_hash):
        raise Unauthorised(
            "send the device's token as ?token=, as a bearer token or as the password"
        )
    return _device_sender(state, device)


def require_right_token_if_any(state: State, request: Request) -> None:
    """Refuse a wrong credential with a message that names nobody and holds no fix; none
    at all is needed for one.

    Raises:
        ServiceError: 401 where the credential is neither a gateway's nor a device's.
    """
    token = _token(request)
    if not token and "authorization" not in request.headers:
        return
    if state.credentials.is_ingest(token):
        return
    state.registry.require_loaded()
    if state.registry.device_of_token(token) is None:
        raise Unauthorised("no device and no gateway has this token")


def allowance_of(state: State, request: Request) -> str:
    """Whose room a message takes in quarantine that names nobody or cannot be read."""
    token = _token(request)
    if state.credentials.is_ingest(token):
        return GATEWAY
    device = state.registry.device_of_token(token)
    return ANONYMOUS if device is None else device.device_id


def _token(request: Request) -> str:
    header = request.headers.get("authorization")
    return (
        auth.bearer_token(header)
        or auth.basic_password(header)
        or parse_qs(request.url.query).get("token", [""])[0]
    )


def _device_sender(state: State, device: Device) -> DeviceSender:
    wait_s = state.device_rate.take(device.device_id)
    if wait_s:
        raise TooManyRequests(wait_s)
    if not device.enabled:
        raise ServiceError(403, "device_disabled", "the device is disabled")
    return DeviceSender(device)


def cursor_time(cursor: str) -> datetime:
    """The fix time that a history cursor stands for.

    Raises:
        ServiceError: 422 for a text that no page gave.
    """
    try:
        time = datetime.fromisoformat(cursor)
    except ValueError:
        time = datetime.min
    if time.utcoffset() is None:
        raise ServiceError(
            422, "invalid_cursor", "cursor must be the next of an earlier page"
        )
    return time
