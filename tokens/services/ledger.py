"""Writing the ledger: every sign-in, in any dialect, is one row."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from accounts.clients import Client, Dialect
from accounts.digests import digest
from accounts.errors import AccountNotActive
from accounts.models import Event, User
from accounts.services import events
from tokens import conf
from tokens.formats import TokenType, goncord, opaque
from tokens.models import SignIn
from tokens.services import keys


@dataclass(frozen=True, slots=True)
class Grant:
    """A new sign-in with its token, which is known only now."""

    sign_in: SignIn
    secret: str


def open_sign_in(user: User, *, dialect: Dialect, client: Client) -> Grant:
    """Write one ledger row for `user`; return it with its token in the dialect's format.

    An opaque token holds 256 random bits and only its SHA-256 digest is stored; goncord's JWT names the row.
    `expires` is UTC, `conf.lifetime(dialect)` after `started`. The registration dialect's pairs come from `refreshing`.
    Raises AccountNotActive (an InvalidCredentials: same row, same time).
    """
    if dialect == Dialect.GONCORD:
        key = keys.signing_key(TokenType.GONCORD)
        row = write(user, dialect=dialect, client=client)
        secret = goncord.write(user_id=user.pk, sign_in=row.uuid, issued=row.started, expires=row.expires, key=key)
        return Grant(row, secret)
    secret = opaque.new_gigachat(user.pk) if dialect == Dialect.GIGACHAT else opaque.new_cabinet()
    return Grant(write(user, dialect=dialect, client=client, token_digest=digest(secret)), secret)


def write(user: User, *, dialect: Dialect, client: Client, token_digest: bytes | None = None) -> SignIn:
    """Insert the row, with the stamp that was loaded together with the hash that was checked.

    A password changed in between leaves a row that never works. Raises AccountNotActive.
    """
    if not user.is_active:
        raise AccountNotActive
    started = whole_second(timezone.now()) if token_digest is None else timezone.now()
    row = SignIn(
        uuid=uuid.uuid4(),
        user=user,
        dialect=dialect,
        digest=token_digest,
        agent=client.agent,
        ip=client.ip,
        started=started,
        last_used=started,
        expires=started + conf.lifetime(dialect),
        stamp=user.credentials_stamp,
    )
    with transaction.atomic():
        row.save(force_insert=True)
        events.record(Event.Kind.SIGNED_IN, user, dialect=dialect, client=client)
    bind_contextvars(account=user.pk)
    return row


def whole_second(moment: datetime) -> datetime:
    """`moment` without its fraction: a JWT's times are whole seconds, and its row's are the same."""
    return moment.replace(microsecond=0)


def restamp(sign_in: SignIn, stamp: str) -> None:
    """Let `sign_in` outlive the change of password that it made; call it in the transaction of the change."""
    SignIn.objects.filter(pk=sign_in.pk).update(stamp=stamp)
    sign_in.stamp = stamp


def over() -> QuerySet[SignIn]:
    """The sign-ins that have expired: no token of theirs works, whatever becomes of the row."""
    return SignIn.objects.filter(expires__lt=timezone.now())
