"""From a token to the sign-in it belongs to: one query decides, for every dialect."""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from accounts.clients import Client
from accounts.digests import digest
from accounts.errors import TokenNotWorking
from accounts.models import CatalogueVersion
from accounts.services import lockout
from accounts.services.lockout import Guess
from tokens.formats import TokenType, goncord, opaque, registration, signed
from tokens.formats.signed import NotOurs, is_jwt
from tokens.models import SignIn
from tokens.services import keys

logger = logging.getLogger(__name__)

LAST_USED_GRAIN = timedelta(seconds=60)


def resolve(token: str, *accepted: TokenType, client: Client | None = None) -> SignIn:
    """The working sign-in that `token` belongs to, its account loaded, when the token is of an `accepted` type.

    One query (none for what is no token of ours), and once a minute an UPDATE of `last_used` behind it.
    Raises TokenNotWorking, and Throttled when `client`, who presents it, has presented too many that do not work;
    one that works is never held back.
    """
    for token_type in accepted:
        where = _READERS[token_type](token)
        if where is not None:
            rows = SignIn.objects.working().select_related("user")
            row = rows.annotate(catalogue_version=CatalogueVersion.objects.current()).filter(where).first()
            if row is None:
                # What was no token of ours at all has cost no query, and proves nothing by being wrong.
                if client:
                    lockout.wrong(Guess.TOKEN, client=client)
                break
            bind_contextvars(account=row.user_id)
            _touch(row)
            return row
    raise TokenNotWorking


def shaped(token: str) -> bool:
    """Whether `token` has the shape of any token of ours, working or not: a password `a.b.c` has not."""
    is_signed = any(signed.bears_header(token, module.ALGORITHM) for module in (goncord, registration))
    return opaque.is_cabinet(token) or opaque.is_gigachat(token) or is_signed


def _touch(row: SignIn) -> None:
    now = timezone.now()
    if now - row.last_used <= LAST_USED_GRAIN:
        return
    try:
        SignIn.objects.filter(pk=row.pk, last_used__lt=now - LAST_USED_GRAIN).update(last_used=now)
    except DatabaseError:
        # The decision stands; when it was last used is only worth knowing.
        logger.warning("last_used of sign-in %s could not be written", row.pk)


def _cabinet(token: str) -> Q | None:
    return Q(digest=digest(token), dialect="cabinet") if opaque.is_cabinet(token) else None


def _gigachat(token: str) -> Q | None:
    return Q(digest=digest(token), dialect="gigachat") if opaque.is_gigachat(token) else None


def _goncord(token: str) -> Q | None:
    try:
        user_id, row = goncord.read(token, keys=keys.verifying_keys(TokenType.GONCORD)) if is_jwt(token) else (0, None)
    except NotOurs:
        return None
    return Q(uuid=row, user_id=user_id, dialect="goncord") if row else None


def _registration(token_type: TokenType) -> Callable[[str], Q | None]:
    def read(token: str) -> Q | None:
        try:
            row = registration.read(token_type, token, keys=keys.verifying_keys(token_type)) if is_jwt(token) else None
        except NotOurs:
            return None
        return Q(uuid=row, dialect="registration") if row else None

    return read


_READERS: dict[TokenType, Callable[[str], Q | None]] = {
    TokenType.CABINET: _cabinet,
    TokenType.GIGACHAT: _gigachat,
    TokenType.GONCORD: _goncord,
    TokenType.REGISTRATION_ACCESS: _registration(TokenType.REGISTRATION_ACCESS),
    TokenType.REGISTRATION_REFRESH: _registration(TokenType.REGISTRATION_REFRESH),
}
