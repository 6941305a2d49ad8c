"""What our two JWT dialects share: one exact header, HMAC, and a ring of keys tried newest first.

Built on simplejwt's token and backend, which are kept from reading more than they should for us: any header (`kid`,
`jku`, `crit`), an `exp` written as text, two spellings of one signature, and one key only (RFC 8725 3.1, 3.10).
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from jwt.algorithms import HMACAlgorithm
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import Token

MAX_CHARACTERS = 4096
MAX_CLOCK_SKEW_SECONDS = 60
# Whole seconds that every database and language can hold: the year 36812.
MAX_SECONDS = 2**40

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class NotOurs(Exception):
    """Not a token of this format, or not signed by a key of the ring, or out of its time."""


def is_jwt(token: str) -> bool:
    """Whether `token` has the shape of a JWT in compact form (RFC 7515 7.1)."""
    return len(token) <= MAX_CHARACTERS and _COMPACT.fullmatch(token) is not None


def bears_header(token: str, algorithm: str) -> bool:
    """Whether `token` is a JWT with the one header we write for `algorithm`; nothing is verified."""
    return is_jwt(token) and _header(token) == {"alg": algorithm, "typ": "JWT"}


def write(claims: dict[str, Any], *, algorithm: str, key: bytes) -> str:
    """`claims` signed with `key`."""
    return str(SignedToken(Ring(algorithm, [key]), claims=claims))


def read(token: str, *, algorithm: str, keys: Sequence[bytes]) -> dict[str, Any]:
    """The claims of `token`, verified with one of `keys`. Raises NotOurs.

    `exp` must be a whole number in the future; `iat` and `nbf`, when there, at most a minute ahead of our clock.
    """
    if not is_jwt(token):
        raise NotOurs
    try:
        return SignedToken(Ring(algorithm, keys), token).payload
    except TokenError as error:
        raise NotOurs from error


class Ring(TokenBackend):
    """simplejwt's backend with several keys: the first signs, each of them verifies."""

    def __init__(self, algorithm: str, keys: Sequence[Any]) -> None:
        super().__init__(algorithm, signing_key=keys[0] if keys else None)
        self.keys = keys

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """The claims, by the signature alone; their times are SignedToken's business. Raises TokenBackendError."""
        if not bears_header(token, self.algorithm) or not all(map(_is_canonical, token.split("."))):
            raise TokenBackendError("not as we write it")
        signed, _, signature = token.rpartition(".")
        # Not `jwt.decode`, which judges each time anew whether our own random keys are fit to be keys of HMAC.
        hmac = _ALGORITHMS[self.algorithm]
        if not any(hmac.verify(signed.encode(), key, _decoded(signature)) for key in self.keys):
            raise TokenBackendError("not signed by a key of the ring")
        try:
            claims = json.loads(_decoded(signed.partition(".")[2]))
        except (ValueError, RecursionError) as error:
            raise TokenBackendError("no JSON") from error
        if not isinstance(claims, dict):
            raise TokenBackendError("no claims")
        return claims


class SignedToken(Token):
    """simplejwt's token with the claims its dialect prints and no others; when it ends is the ledger row's decision."""

    # The parent wants both to be set; neither is written.
    token_type = "jwt"  # noqa: S105 - no password
    lifetime = timedelta()

    def __init__(self, ring: Ring, token: Any = None, *, claims: dict[str, Any] | None = None) -> None:
        self.ring = ring
        super().__init__(token)
        if claims is not None:
            self.payload = claims

    def get_token_backend(self) -> TokenBackend:
        return self.ring

    def verify(self) -> None:
        """Judge the times, more strictly than PyJWT does. Raises TokenError."""
        now = time.time()
        expires = self.payload.get("exp")
        if type(expires) is not int or not now < expires < MAX_SECONDS:
            raise TokenError("expired")
        for name in ("iat", "nbf"):
            value = self.payload.get(name, 0)
            if type(value) is not int or value > now + MAX_CLOCK_SKEW_SECONDS:
                raise TokenError("from the future")


_ALGORITHMS = {name: HMACAlgorithm(made) for name, made in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512))}


def _header(token: str) -> Any:
    try:
        return json.loads(_decoded(token.partition(".")[0]))
    except (ValueError, RecursionError):
        return None


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _is_canonical(part: str) -> bool:
    # A decoder drops the last bits of a part, so that two to sixteen spellings would be one token.
    try:
        decoded = _decoded(part)
    except ValueError:
        return False
    return base64.urlsafe_b64encode(decoded).decode().rstrip("=") == part
