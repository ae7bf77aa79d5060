"""Password hashes as Odoo stores them: PBKDF2 with SHA-512, in passlib's notation.

Written here because a new instance gets its passwords before any virtualenv's library
could be imported; the notation is the modular crypt format that passlib documents for
``pbkdf2_sha512``.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

# The least that Odoo accepts without hashing again at the next login.
ROUNDS = 600_000
_SALT_BYTES = 16


def hash_password(
    password: str, salt: bytes | None = None, rounds: int = ROUNDS
) -> str:
    """Hash for the column ``res_users.password``.

    :param salt: random by default.
    """
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$pbkdf2-sha512${rounds}${_encode(salt)}${_encode(digest)}"


def _encode(data: bytes) -> str:
    """Base64 without padding, with a dot for the plus sign."""
    return base64.b64encode(data, altchars=b"./").decode().rstrip("=")
