"""Passwords: checking one, hashing one, changing one."""

import functools

from django.contrib.auth import password_validation
from django.contrib.auth.hashers import get_hasher, identify_hasher
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from structlog.contextvars import bind_contextvars

from accounts import conf, identifiers, passwords
from accounts.clients import Client, Dialect
from accounts.errors import (
    AccountNotActive,
    InvalidCredentials,
    InvalidIdentifier,
    PasswordRefused,
    Unavailable,
    WrongCurrentPassword,
)
from accounts.identifiers import Kind
from accounts.models import Event, User, new_stamp
from accounts.services import events, lockout

_COLUMNS = {Kind.USERNAME: "username_canonical", Kind.EMAIL: "email_canonical", Kind.PHONE: "phone"}


def find(identifier: str) -> User | None:
    """The account that `identifier` names, active or not; its spelling says of which kind it is. One query at most."""
    wanted = _column_and_value(identifier)
    return User.objects.filter(wanted).first() if wanted else None


def find_also_by_id(identifier: str) -> User | None:
    """As `find`; digits that name no account find the one with that id. One query at most."""
    number = identifiers.account_id(identifier)
    if number is None:
        return find(identifier)
    wanted = _column_and_value(identifier)
    found = User.objects.filter(Q(wanted) | Q(pk=number) if wanted else Q(pk=number))
    return max(found, key=lambda user: wanted is not None and getattr(user, wanted[0]) == wanted[1], default=None)


def names(identifier: str, user: User) -> bool:
    """Whether `identifier` is one of the account's own, or its id in digits. No query."""
    wanted = _column_and_value(identifier)
    is_own = wanted is not None and getattr(user, wanted[0]) == wanted[1]
    return is_own or identifiers.account_id(identifier) == user.pk


def find_by_all(*given: str | None) -> User | None:
    """The one account that every identifier given names; nobody when they name different ones."""
    found = {find(identifier) for identifier in given if identifier is not None}
    return found.pop() if len(found) == 1 else None


def authenticate(identifier: str, password: str, *, dialect: Dialect, client: Client) -> User:
    """The active account that `identifier` names and `password` opens.

    Raises InvalidCredentials, with the same work done, whether the account is unknown, deactivated, has no password
    or another one (ASVS 6.3.8). Raises AccountLocked or Throttled, without a look at the password, after failures.
    """
    return verify(find(identifier), password, named=identifier, dialect=dialect, client=client)


def verify(user: User | None, password: str, *, named: str, dialect: Dialect, client: Client) -> User:
    """`user` when `password` opens it and it is active; `named` is what it was called. Raises as `authenticate`."""
    with lockout.attempt(user, named=named, dialect=dialect, client=client) as attempt:
        if not opens(user, password):
            events.record_refusal(Event.Kind.SIGN_IN_REFUSED, user, dialect=dialect, client=client)
            raise InvalidCredentials
        assert user is not None
        if not user.is_active:
            events.record_refusal(Event.Kind.SIGN_IN_REFUSED, user, dialect=dialect, client=client, reason="inactive")
            raise AccountNotActive
        attempt.succeeded()
    bind_contextvars(account=user.pk)
    upgrade_hash(user, password)
    return user


def opens(user: User | None, password: str) -> bool:
    """Whether `password` is that of `user`; one hash is computed also for nobody and for an account without one.

    Nothing is counted here: a door calls `verify`, or `confirm`.
    """
    if not passwords.evaluable(password):
        return False
    known = user is not None and user.has_usable_password()
    encoded = user.password if user is not None and known else _nobodys_hash(_parameters())
    return passwords.matches(password, encoded) and known


def hashed(password: str) -> str:
    """`password` as it is stored. Never call it inside a transaction: on SQLite that holds the only write lock."""
    return passwords.hashed(password)


def accept(password: str, user: User | None = None, *, strict: bool = False) -> None:
    """Refuse a new password that the policy does not accept. Raises PasswordRefused with every reason.

    The dialects' own patterns are their serializers' business; 6 to 256 characters holds for all.
    `strict`: by the policy of that name, whatever the operator's is; for those who can do more than others.
    """
    if not passwords.evaluable(password) or len(password) < passwords.MIN_CHARACTERS:
        raise PasswordRefused([_("A password has between 6 and 256 characters.")])
    if strict or conf.password_policy() == "strict":
        try:
            password_validation.validate_password(password, user)
        except ValidationError as error:
            raise PasswordRefused(error.messages) from error


def change_password(user: User, old: str | None, new: str, *, dialect: Dialect, client: Client, actor: str = "") -> str:
    """Give `user` the password `new`; return the new credentials stamp, which every other sign-in now lacks.

    The present password must be right, unless the account has none yet. Raises PasswordRefused, and as `confirm`.
    Of two changes at once that start from the same password one wins; the other is told that it was wrong.
    """
    encoded = changed_password(user, old, new, dialect=dialect, client=client)
    return store_password(user, encoded, dialect=dialect, client=client, actor=actor)


def changed_password(user: User, old: str | None, new: str, *, dialect: Dialect, client: Client) -> str:
    """The hash of `new` for `store_password`, once the holder of `user` has said the present password `old`.

    Outside any transaction, as it hashes twice. Raises as `change_password`.
    """
    accept(new, user)
    confirm(user, old, kind=Event.Kind.PASSWORD_CHANGED, dialect=dialect, client=client)
    return hashed(new)


def confirm(user: User, password: str | None, *, kind: Event.Kind, dialect: Dialect, client: Client) -> None:
    """Have the holder of `user` say the present password again, if there is one; `kind` is what it is asked for.

    Counted like a sign-in. Raises WrongCurrentPassword, AccountLocked, Throttled.
    """
    if not user.has_usable_password():
        return
    with lockout.attempt(user, named=user.username, dialect=dialect, client=client) as attempt:
        if not opens(user, password or ""):
            events.record_refusal(kind, user, dialect=dialect, client=client)
            raise WrongCurrentPassword
        attempt.succeeded()


def replace_password(user: User, new: str, *, dialect: str = "", client: Client | None = None, actor: str = "") -> str:
    """Give `user` the password `new` without asking for the present one; return the new credentials stamp.

    Raises WrongCurrentPassword when the password was changed by somebody else since `user` was loaded.
    """
    return store_password(user, hashed(new), dialect=dialect, client=client, actor=actor)


def store_password(
    user: User, encoded: str, *, dialect: str = "", client: Client | None = None, actor: str = ""
) -> str:
    """Store a new password that is hashed already; return the new credentials stamp. Raises as `replace_password`."""
    stamp = new_stamp()
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, password=user.password).update(
            password=encoded, credentials_stamp=stamp
        )
        if not changed:
            raise WrongCurrentPassword
        events.record(Event.Kind.PASSWORD_CHANGED, user, dialect=dialect, client=client, actor=actor)
    user.password, user.credentials_stamp = encoded, stamp
    return stamp


def renew_stamp(user: User) -> None:
    """End every sign-in of `user` and its session in the admin, whatever they are, and leave the password."""
    stamp = new_stamp()
    User.objects.filter(pk=user.pk).update(credentials_stamp=stamp)
    user.credentials_stamp = stamp


def upgrade_hash(user: User, password: str) -> None:
    """Replace a hash of an older kind by one of today's, unless the password has changed meanwhile; the stamp stays."""
    preferred, present = get_hasher(), identify_hasher(user.password)
    if present.algorithm == preferred.algorithm and not preferred.must_update(user.password):
        return
    try:
        encoded = hashed(password)
    except Unavailable:
        # The sign-in has succeeded; another one will find room for the better hash.
        return
    if User.objects.filter(pk=user.pk, password=user.password).update(password=encoded):
        user.password = encoded


def _column_and_value(identifier: str) -> tuple[str, str] | None:
    try:
        wanted = identifiers.parse(identifier)
    except InvalidIdentifier:
        return None
    return _COLUMNS[wanted.kind], wanted.canonical


def _parameters() -> tuple[int, int, int]:
    return conf.argon2_memory_kib(), conf.argon2_time_cost(), conf.argon2_parallelism()


@functools.cache
def _nobodys_hash(parameters: tuple[int, int, int]) -> str:
    # Hashed with today's parameters, so that a refusal takes the same time whether or not the account exists.
    return passwords.hashed(new_stamp())
