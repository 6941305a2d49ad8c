"""The registration dialect's pair of JWTs: HS256, access and refresh (seed 002, contract "registration")."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from tokens.formats import TokenType, signed
from tokens.formats.signed import NotOurs

ALGORITHM = "HS256"
MODES = {TokenType.REGISTRATION_ACCESS: "access_token", TokenType.REGISTRATION_REFRESH: "refresh_token"}


def write(token_type: TokenType, *, user_name: str, sign_in: uuid.UUID, expires: datetime, key: bytes) -> str:
    """One token of the pair; the `header` claim repeats the header and adds a uuid that is new for every token."""
    claims = {
        "user_name": user_name,
        "header": {"alg": ALGORITHM, "typ": "JWT", "uuid": str(uuid.uuid4())},
        "exp": int(expires.timestamp()),
        "mode": MODES[token_type],
        "sid": str(sign_in),
    }
    return signed.write(claims, algorithm=ALGORITHM, key=key)


def read(token_type: TokenType, token: str, *, keys: Sequence[bytes]) -> uuid.UUID:
    """The ledger row that `token` names, when it is of this type. Raises NotOurs."""
    claims = signed.read(token, algorithm=ALGORITHM, keys=keys)
    if claims.get("mode") != MODES[token_type]:
        raise NotOurs
    try:
        return uuid.UUID(claims["sid"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotOurs from error
