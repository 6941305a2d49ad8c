"""goncord's JWT: HS512, one for each sign-in (seed 001, contract "goncord")."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from tokens.formats import signed
from tokens.formats.signed import NotOurs

ALGORITHM = "HS512"
ISSUER = "Goncord"


def write(*, user_id: int, sign_in: uuid.UUID, issued: datetime, expires: datetime, key: bytes) -> str:
    """The token of one sign-in; `aud` and `sub` are `User:<id>`, `jti` is the ledger row."""
    subject = f"User:{user_id}"
    claims = {
        "aud": subject,
        "exp": int(expires.timestamp()),
        "iat": int(issued.timestamp()),
        "iss": ISSUER,
        "jti": str(sign_in),
        "pem": {},
        "sub": subject,
        "typ": "token",
    }
    return signed.write(claims, algorithm=ALGORITHM, key=key)


def read(token: str, *, keys: Sequence[bytes]) -> tuple[int, uuid.UUID]:
    """The account id and the ledger row that `token` names. Raises NotOurs."""
    claims = signed.read(token, algorithm=ALGORITHM, keys=keys)
    subject = claims.get("sub")
    if claims.get("iss") != ISSUER or claims.get("typ") != "token" or claims.get("aud") != subject:
        raise NotOurs
    try:
        name, user_id = str(subject).split(":")
        row = uuid.UUID(claims["jti"])
        number = int(user_id)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotOurs from error
    if name != "User":
        raise NotOurs
    return number, row
