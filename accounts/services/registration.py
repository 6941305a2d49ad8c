"""Making an account: checked and hashed first, then inserted once, and the database decides who was first."""

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from structlog.contextvars import bind_contextvars

from accounts import identifiers
from accounts.clients import Client, Dialect
from accounts.errors import IdentifierTaken
from accounts.identifiers import Identifier, Kind
from accounts.models import Event, User, UsernameClaim
from accounts.services import credentials, events, lockout


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that could be registered: every value well-formed, the password already hashed."""

    username: Identifier | None
    email: Identifier | None
    phone: Identifier | None
    encoded_password: str


def candidate(
    *,
    username: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    password: str | None,
    client: Client | None,
) -> Candidate:
    """Check the identifiers and the password, and hash it (outside any transaction).

    Without a password the account can be entered only through a provider. Raises InvalidIdentifier, PasswordRefused;
    raises IdentifierTaken before hashing when an identifier is taken already (a later race is decided by `register`).
    Raises Throttled over the quota of the address or of everybody; None for `client` is the operator, who has none.
    """
    given = {Kind.USERNAME: username, Kind.EMAIL: email, Kind.PHONE: phone}
    found = {kind: identifiers.expect(kind, text) if text else None for kind, text in given.items()}
    if password is not None:
        credentials.accept(password, User(username=username or "", email=email, phone=phone))
    _refuse_taken(found)
    if client is not None:
        lockout.registration(client=client)
    encoded = make_password(None) if password is None else credentials.hashed(password)
    return Candidate(found[Kind.USERNAME], found[Kind.EMAIL], found[Kind.PHONE], encoded)


def register(candidate: Candidate, *, dialect: Dialect, client: Client, actor: str = "") -> User:
    """Insert the account; `actor` is who made it for somebody else.

    Raises IdentifierTaken when another registration was first; exactly one of many wins.
    """
    user = User(
        username=candidate.username.value if candidate.username else identifiers.generated_username(),
        email=candidate.email.value if candidate.email else None,
        phone=candidate.phone.value if candidate.phone else None,
        password=candidate.encoded_password,
    )
    try:
        with transaction.atomic():
            user.save()
            events.record(Event.Kind.REGISTERED, user, dialect=dialect, client=client, actor=actor)
    except IntegrityError:
        # Asked only now: the constraint has decided, this finds the words for it.
        _refuse_taken({Kind.USERNAME: candidate.username, Kind.EMAIL: candidate.email, Kind.PHONE: candidate.phone})
        raise
    bind_contextvars(account=user.pk)
    return user


def taken(identifier: Identifier, *, by_another_than: User | None = None) -> bool:
    """Whether the identifier belongs to an account (other than the one given) or, a username, ever did."""
    own = by_another_than.pk if by_another_than else None
    if identifier.kind == Kind.USERNAME:
        claims = UsernameClaim.objects.filter(canonical=identifier.canonical)
        # Not `exclude`: a claim whose account is gone has no user, and NULL is not unequal to anything.
        return any(user_id is None or user_id != own for user_id in claims.values_list("user_id", flat=True))
    column = "email_canonical" if identifier.kind == Kind.EMAIL else "phone"
    return User.objects.filter(**{column: identifier.canonical}).exclude(pk=own).exists()


def _refuse_taken(found: dict[Kind, Identifier | None]) -> None:
    fields = [kind for kind, identifier in found.items() if identifier is not None and taken(identifier)]
    if fields:
        raise IdentifierTaken(fields)
