"""Opaque tokens: random text that means nothing by itself; the ledger keeps its digest."""

import re
import secrets

SECRET_BYTES = 32

_CABINET = re.compile(r"[0-9a-f]{64}", re.ASCII)
_GIGACHAT = re.compile(r"user\.([1-9][0-9]{0,18})\.[A-Za-z0-9_-]{43}", re.ASCII)


def new_cabinet() -> str:
    """256 random bits as 64 hexadecimal characters."""
    return secrets.token_hex(SECRET_BYTES)


def new_gigachat(user_id: int) -> str:
    """`user.<account id>.<256 random bits>`, the bits in base64url."""
    return f"user.{user_id}.{secrets.token_urlsafe(SECRET_BYTES)}"


def is_cabinet(token: str) -> bool:
    """Whether `token` has the shape of a cabinet token."""
    return _CABINET.fullmatch(token) is not None


def is_gigachat(token: str) -> bool:
    """Whether `token` has the shape of a gigachat token."""
    return _GIGACHAT.fullmatch(token) is not None
