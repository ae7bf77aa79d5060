"""Tokens: how they are read, hashed and compared."""

import base64
import hashlib
import hmac
import secrets
from enum import Flag, auto

from pydantic import SecretStr

from gps_ingestion_service.errors import Forbidden, Unauthorised

_MISSING = "send the header Authorization: Bearer <token>"


def digest(token: str) -> bytes:
    """SHA-256 of a token: all that is kept of it.

    A plain hash suffices because tokens are random; they are not passwords.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def new_token() -> str:
    """A device token of 256 random bits."""
    return f"gps_{secrets.token_urlsafe(32)}"


def bearer_token(header: str | None) -> str | None:
    """The token of an ``Authorization`` header, None where it holds none."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def basic_password(header: str | None) -> str | None:
    """The password of HTTP Basic authentication, None where there is none.

    Apps that know no other kind carry their token in it; the user does not matter.
    """
    scheme, _, credentials = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except ValueError:
        return None
    return text.partition(":")[2] or None


def matches(token: str, token_digest: bytes | None) -> bool:
    """Whether ``token`` is the one behind ``token_digest``, in constant time."""
    return token_digest is not None and hmac.compare_digest(digest(token), token_digest)


class Scope(Flag):
    """What a token of the settings opens."""

    READ = auto()
    DEVICES = auto()
    PROVISION = auto()
    ADMIN = auto()


class Credentials:
    """The tokens of the settings, as digests."""

    def __init__(
        self,
        admin_token: SecretStr,
        ingest_token: SecretStr | None = None,
        read_token: SecretStr | None = None,
        provision_token: SecretStr | None = None,
    ) -> None:
        self._scopes = [
            (digest(token.get_secret_value()), scopes)
            for token, scopes in (
                (admin_token, ~Scope(0)),
                (read_token, Scope.READ | Scope.DEVICES),
                (provision_token, Scope.DEVICES | Scope.PROVISION),
            )
            if token
        ]
        self._ingest = digest(ingest_token.get_secret_value()) if ingest_token else None

    def require(self, scope: Scope, header: str | None) -> None:
        """Let the header through if its token opens this.

        Raises:
            Unauthorised: there is no token, or one that nobody issued.
            Forbidden: the token opens other things only.
        """
        token = bearer_token(header)
        if token is None:
            raise Unauthorised(_MISSING)
        opened = [scopes for known, scopes in self._scopes if matches(token, known)]
        if not opened:
            raise Unauthorised(
                "this is not the admin token, nor another that opens this"
            )
        if not any(scope in scopes for scopes in opened):
            raise Forbidden("this token does not open this route; use the admin token")

    def is_ingest(self, token: str) -> bool:
        """Whether the token is that of a gateway."""
        return matches(token, self._ingest)


def require_token(header: str | None) -> str:
    """The bearer token of a request, or :class:`Unauthorised`."""
    token = bearer_token(header)
    if token is None:
        raise Unauthorised(_MISSING)
    return token
