"""goncord's JWT: HS512, one for each sign-in (seed 001, contract "goncord")."""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime

from tokens.formats import signed
from tokens.formats.signed import NotOurs

ALGORITHM = "HS512"
ISSUER = "Goncord"

# Exactly as `write` spells them; an id of more digits fits in no database.
_SUBJECT = re.compile(r"User:([1-9][0-9]{0,17})", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


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
    subject, row = claims.get("sub"), claims.get("jti")
    if claims.get("iss") != ISSUER or claims.get("typ") != "token" or claims.get("aud") != subject:
        raise NotOurs
    if not isinstance(subject, str) or not isinstance(row, str):
        raise NotOurs
    named = _SUBJECT.fullmatch(subject)
    if named is None or not _UUID.fullmatch(row):
        raise NotOurs
    return int(named[1]), uuid.UUID(row)
