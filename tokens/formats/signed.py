"""What our two JWT dialects share: one exact header, HMAC, and a ring of keys tried newest first.

Built on simplejwt's backend. It reads more than it should for us: any header (`kid`, `jku`, `crit`), an `exp` written
as text, and one key only; those are settled here (RFC 8725 3.1, 3.10; RFC 7519 4.1.4).
"""

import base64
import binascii
import json
import re
import time
from collections.abc import Sequence
from typing import Any

import jwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

MAX_CHARACTERS = 4096
MAX_CLOCK_SKEW_SECONDS = 60

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class NotOurs(Exception):
    """Not a token of this format, or not signed by a key of the ring, or out of its time."""


def is_jwt(token: str) -> bool:
    """Whether `token` has the shape of a JWT in compact form (RFC 7515 7.1)."""
    return len(token) <= MAX_CHARACTERS and _COMPACT.fullmatch(token) is not None


def bears_header(token: str, algorithm: str) -> bool:
    """Whether `token` is a JWT with the one header we write for `algorithm`; nothing is verified."""
    return is_jwt(token) and _header(token) == {"alg": algorithm, "typ": "JWT"}


def write(claims: dict[str, Any], *, algorithm: str, key: Any) -> str:
    """`claims` signed with `key`."""
    return TokenBackend(algorithm, key).encode(claims)


def read(token: str, *, algorithm: str, keys: Sequence[Any]) -> dict[str, Any]:
    """The claims of `token`, verified with one of `keys`. Raises NotOurs.

    `exp` must be a whole number in the future; `iat` and `nbf`, when there, at most a minute ahead of our clock.
    """
    if not bears_header(token, algorithm):
        raise NotOurs
    claims = _verified(token, algorithm, keys)
    now = time.time()
    expires = claims.get("exp")
    if type(expires) is not int or not now < expires < 2**40:
        raise NotOurs
    for name in ("iat", "nbf"):
        value = claims.get(name, 0)
        if type(value) is not int or value > now + MAX_CLOCK_SKEW_SECONDS:
            raise NotOurs
    return claims


def _header(token: str) -> Any:
    part = token.split(".", 1)[0]
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None


def _verified(token: str, algorithm: str, keys: Sequence[Any]) -> dict[str, Any]:
    for key in keys:
        try:
            claims = _Backend(algorithm, key).decode(token)
        except TokenBackendError:
            continue
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise NotOurs from error
        if isinstance(claims, dict):
            return claims
    raise NotOurs


class _Backend(TokenBackend):
    """Verifies the signature alone; the times are judged by `read`, more strictly than PyJWT would."""

    def decode(self, token: Any, verify: bool = True) -> Any:
        try:
            return jwt.decode(
                token,
                self.signing_key or b"",
                algorithms=[self.algorithm],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("not verified") from error
