"""Signing secrets of devices: derived from one key, so that none has to be stored.

The signature is that of the calls to Odoo, see :mod:`push.signing`: HMAC-SHA256 over
the Unix time, a dot and the body. A request that is sent again is harmless: its fixes
are duplicates by their primary key.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

import msgspec
from pydantic import SecretStr

from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.errors import Unauthorised
from gps_ingestion_service.push.signing import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    signature,
)

DEVICE_HEADER = "X-TMS-Device"
# How far a signer's clock may be off, as for the calls to Odoo.
WINDOW_S = 300
_SALT_BYTES = 16
_PURPOSE = b"gps device signing secret v1"


def new_salt() -> bytes:
    """Random bytes; a secret that was derived with others is void."""
    return secrets.token_bytes(_SALT_BYTES)


class Claim(msgspec.Struct, frozen=True):
    """What the headers of a signed request say, before its body proves it."""

    device_id: str
    timestamp: int
    signature: str


def claim_of(headers: Mapping[str, str], now_s: float) -> Claim | None:
    """The claim of a request; None where it is not signed.

    Raises:
        Unauthorised: a header is missing or wrong, or the time is not that of now.
    """
    signed = headers.get(SIGNATURE_HEADER)
    if signed is None:
        return None
    text = headers.get(TIMESTAMP_HEADER, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise Unauthorised(
            f"{TIMESTAMP_HEADER} must be the Unix time in seconds", "bad_signature"
        )
    if abs(now_s - int(text)) > WINDOW_S:
        raise Unauthorised(
            f"{TIMESTAMP_HEADER} is more than {WINDOW_S} s off; set the clock, keep "
            "the data and sign it again",
            "stale_timestamp",
        )
    return Claim(headers.get(DEVICE_HEADER, ""), int(text), signed)


class SigningKeys:
    """Derives the secrets of devices; with a key that is about to go still accepted."""

    def __init__(
        self, key: SecretStr | None, previous: SecretStr | None = None
    ) -> None:
        self._keys = [
            item.get_secret_value().encode() for item in (key, previous) if item
        ]

    @property
    def is_set(self) -> bool:
        """Whether there is a key to derive from."""
        return bool(self._keys)

    def secret(self, device_id: str, salt: bytes) -> str:
        """The secret of a device, by the current key."""
        return _derived(self._keys[0], device_id, salt)

    def verify(self, claim: Claim, device: Device | None, body: bytes) -> Device:
        """The device that is claimed, if it has signed the body.

        Raises:
            Unauthorised: it has not, or there is no such device with a secret.
        """
        salt = None if device is None else device.signing_salt
        if device is not None and salt is not None:
            for key in self._keys:
                secret = _derived(key, device.device_id, salt)
                expected = signature(secret, claim.timestamp, body)
                if hmac.compare_digest(expected.encode(), claim.signature.encode()):
                    return device
        raise Unauthorised(
            f"{SIGNATURE_HEADER} is not v1=HMAC-SHA256(secret, {TIMESTAMP_HEADER} + "
            f"'.' + body) of the device in {DEVICE_HEADER}",
            "bad_signature",
        )


def _derived(key: bytes, device_id: str, salt: bytes) -> str:
    """HMAC as a key derivation function (NIST SP 800-108, one block is enough)."""
    message = b"\0".join([_PURPOSE, device_id.encode(), salt])
    bits = hmac.new(key, message, hashlib.sha256).digest()
    return f"gps_sign_{base64.urlsafe_b64encode(bits).decode().rstrip('=')}"
