"""The signature of calls to Odoo."""

import hashlib
import hmac

TIMESTAMP_HEADER = "X-TMS-Timestamp"
SIGNATURE_HEADER = "X-TMS-Signature"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """``v1=`` and the hex HMAC-SHA256 of the Unix time, a dot, and the body."""
    message = str(timestamp).encode() + b"." + body
    return f"v1={hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()}"
