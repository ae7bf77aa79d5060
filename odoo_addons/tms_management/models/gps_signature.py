"""Signatures of the calls that the GPS service makes to Odoo."""

import hashlib
import hmac
import re

#: Seconds that the sender's clock may be off before a call is refused.
MAX_CLOCK_DIFFERENCE_S = 300

_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class CallRefused(Exception):
    """A call is refused as a whole.

    :ivar status: HTTP status of the answer
    :ivar code: machine-readable reason, see ``docs/interfaces.md``
    """

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the ``X-TMS-Signature`` of ``body`` at ``timestamp`` (Unix seconds)."""
    message = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret, message, hashlib.sha256).hexdigest()


def verify(
    secrets: tuple[bytes, ...], timestamp: str, signature: str, body: bytes, now: float
) -> None:
    """Accept a call that one of ``secrets`` signed within the allowed clock difference.

    The signature is judged first: who does not hold a key learns nothing about the
    clock. Every key is tried whatever the outcome, in constant time each.

    :param now: the current time in Unix seconds
    :raises CallRefused: ``not_configured``, ``bad_signature`` or ``stale_timestamp``
    """
    if not secrets:
        raise CallRefused(
            503,
            "not_configured",
            "Odoo holds no key for the GPS service. Set TMS_GPS_HMAC_SECRET or "
            "TMS_GPS_HMAC_SECRET_FILE and restart Odoo.",
        )
    matches = 0
    if _TIMESTAMP.fullmatch(timestamp):
        given = signature.encode("utf-8", "replace")
        for secret in secrets:
            expected = sign(secret, timestamp, body).encode()
            matches += hmac.compare_digest(expected, given)
    if not matches:
        raise CallRefused(
            401,
            "bad_signature",
            "The signature does not match. Check that both sides hold the same key and "
            "that X-TMS-Timestamp and the body arrive unchanged.",
        )
    if abs(now - int(timestamp)) > MAX_CLOCK_DIFFERENCE_S:
        raise CallRefused(
            401,
            "stale_timestamp",
            f"X-TMS-Timestamp is more than {MAX_CLOCK_DIFFERENCE_S} s off. "
            "Synchronise the clocks and sign the call again.",
        )
