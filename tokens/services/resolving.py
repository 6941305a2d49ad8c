"""From a token to the sign-in it belongs to: one query decides, for every dialect."""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.db import DatabaseError
from django.db.models import BigIntegerField, BinaryField, CharField, DateTimeField, QuerySet, UUIDField
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from accounts.clients import Client, Dialect
from accounts.digests import digest
from accounts.errors import TokenNotWorking
from accounts.models import CatalogueVersion
from accounts.services import lockout
from accounts.services.lockout import Guess
from accounts.statements import Given, Statement
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
        ask = _READERS[token_type](token)
        if ask is not None:
            row = ask(now=timezone.now())
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


def _named_by(**columns: Given) -> Statement[SignIn]:
    """The statement that decides: the working sign-in that `columns` name, its account, and the catalogue's version."""

    def rows() -> QuerySet[SignIn]:
        working = SignIn.objects.working(at=Given("now", DateTimeField())).select_related("user")
        return working.annotate(catalogue_version=CatalogueVersion.objects.current()).filter(**columns)

    return Statement(SignIn, rows)


_DIALECT, _UUID = Given("dialect", CharField()), Given("uuid", UUIDField())
_BY_DIGEST = _named_by(dialect=_DIALECT, digest=Given("digest", BinaryField()))
_BY_UUID = _named_by(dialect=_DIALECT, uuid=_UUID)
_BY_UUID_AND_USER = _named_by(dialect=_DIALECT, uuid=_UUID, user_id=Given("user_id", BigIntegerField()))


# What a token of ours asks the database, for the sign-in that works `now`; None for what is no token of its type.
_Ask = Callable[..., SignIn | None]


def _cabinet(token: str) -> _Ask | None:
    if not opaque.is_cabinet(token):
        return None
    return partial(_BY_DIGEST.one, dialect=Dialect.CABINET, digest=digest(token))


def _gigachat(token: str) -> _Ask | None:
    if not opaque.is_gigachat(token):
        return None
    return partial(_BY_DIGEST.one, dialect=Dialect.GIGACHAT, digest=digest(token))


def _goncord(token: str) -> _Ask | None:
    if not is_jwt(token):
        return None
    try:
        user_id, row = goncord.read(token, keys=keys.verifying_keys(TokenType.GONCORD))
    except NotOurs:
        return None
    return partial(_BY_UUID_AND_USER.one, dialect=Dialect.GONCORD, uuid=row, user_id=user_id)


def _registration(token_type: TokenType) -> Callable[[str], _Ask | None]:
    def read(token: str) -> _Ask | None:
        if not is_jwt(token):
            return None
        try:
            row = registration.read(token_type, token, keys=keys.verifying_keys(token_type))
        except NotOurs:
            return None
        return partial(_BY_UUID.one, dialect=Dialect.REGISTRATION, uuid=row)

    return read


_READERS: dict[TokenType, Callable[[str], _Ask | None]] = {
    TokenType.CABINET: _cabinet,
    TokenType.GIGACHAT: _gigachat,
    TokenType.GONCORD: _goncord,
    TokenType.REGISTRATION_ACCESS: _registration(TokenType.REGISTRATION_ACCESS),
    TokenType.REGISTRATION_REFRESH: _registration(TokenType.REGISTRATION_REFRESH),
}
