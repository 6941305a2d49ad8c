"""What a provider's account opens: signing in, registering, linking and unlinking, by social-core's pipeline.

The provider has been asked before (`authorization.identify`); here is only the database. The pipeline's own steps find
the person and tie the knot, ours makes the account between them.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from social_core.exceptions import AuthAssociationError
from structlog.contextvars import bind_contextvars

from accounts import identifiers
from accounts.clients import Client, Dialect
from accounts.errors import (
    AccountNotActive,
    IdentifierTaken,
    InvalidCredentials,
    InvalidIdentifier,
    InvalidInput,
    WrongCurrentPassword,
)
from accounts.identifiers import Kind
from accounts.models import Event, User
from accounts.services import credentials, events, registration
from accounts.services.registration import Candidate
from oauth_providers import conf, providers
from oauth_providers.errors import (
    AnotherIdentityLinked,
    EmailOwned,
    IdentityLinkedElsewhere,
    IdentityTaken,
    LastWayIn,
    NotRegistered,
    StaffNeedPassword,
)
from oauth_providers.models import LinkedIdentity
from oauth_providers.providers import Identity
from profiles.services import editing

FIND = (
    "social_core.pipeline.social_auth.social_details",
    "social_core.pipeline.social_auth.social_uid",
    "social_core.pipeline.social_auth.social_user",
)
TIE = "social_core.pipeline.social_auth.associate_user"
MAKE = "oauth_providers.services.linking.make_account"


@dataclass(frozen=True, slots=True)
class Applicant:
    """A provider's account that is not registered, with the account that could be made of it."""

    identity: Identity
    candidate: Candidate


def sign_in(identity: Identity) -> User:
    """The account that `identity` opens. One query. Raises NotRegistered."""
    user = _run(identity, *FIND)["user"]
    if user is None:
        raise NotRegistered
    return user


def applicant(identity: Identity, *, client: Client) -> Applicant:
    """Somebody who could register: not registered yet, with the provider's e-mail where that can be used.

    Counts against the quota of registrations: call it in no transaction. Raises IdentityTaken when the provider's
    account is registered, EmailOwned when its e-mail belongs to an account: who controls an address at a provider is
    not for that the owner of an account here. Raises Throttled.
    """
    if _run(identity, *FIND)["user"] is not None:
        raise IdentityTaken
    email = _usable_email(providers.backend(identity.provider).email_of(identity.response))
    try:
        return Applicant(identity, registration.candidate(email=email, password=None, client=client))
    except IdentifierTaken as error:
        raise EmailOwned from error


def register(applicant: Applicant, *, client: Client, dialect: Dialect = Dialect.REGISTRATION) -> User:
    """A new account that the provider's account opens: no password, the names that the provider tells.

    Raises IdentityTaken, EmailOwned: of many at once one wins.
    """
    facts = {"candidate": applicant.candidate, "client": client, "dialect": dialect}
    with transaction.atomic():
        with contextlib.suppress(AuthAssociationError):
            return _run(applicant.identity, *FIND, MAKE, TIE, **facts)["user"]
        # Outside the handler, for social-core's exception keeps the provider's answer.
        raise IdentityTaken


def enter(identity: Identity, *, client: Client) -> User:
    """The account that `identity` opens, made now if there is none: for a page of ours, which then signs it in.

    Raises AccountNotActive, StaffNeedPassword, and what `applicant` and `register` raise.
    """
    try:
        user = sign_in(identity)
    except NotRegistered:
        user = register(applicant(identity, client=client), client=client, dialect=Dialect.SITE)
    if not user.is_active:
        raise AccountNotActive
    if user.is_staff:
        raise StaffNeedPassword
    events.record(Event.Kind.SIGNED_IN, user, dialect=Dialect.SITE, client=client, provider=identity.provider)
    bind_contextvars(account=user.pk)
    return user


def link(user: User, identity: Identity, *, client: Client) -> None:
    """Let `identity` open `user`; linking again what is linked changes nothing.

    Raises IdentityLinkedElsewhere, AnotherIdentityLinked (one account of each provider an account).
    """
    with transaction.atomic():
        try:
            found = _run(identity, *FIND, TIE, user=user)
        except AuthAssociationError:
            found = None
        except IntegrityError as error:
            raise AnotherIdentityLinked from error
        if found is None:
            raise IdentityLinkedElsewhere
        if found["new_association"]:
            _record(Event.Kind.IDENTITY_LINKED, user, identity.provider, client=client)


def unlink(user: User, provider: str, *, client: Client) -> None:
    """Let the account of `provider` open `user` no longer; unlinking what is not linked changes nothing.

    Raises LastWayIn when neither a password nor another provider that is switched on would be left.
    """
    with transaction.atomic():
        # Two unlinkings at once would each count on the other's identity: the account's row makes them queue.
        locked = User.objects.select_for_update().get(pk=user.pk)
        linked = set(LinkedIdentity.objects.filter(user=locked).values_list("provider", flat=True))
        if provider not in linked:
            return
        if not locked.has_usable_password() and not (linked - {provider}).intersection(conf.switched_on()):
            raise LastWayIn
        LinkedIdentity.objects.filter(user=locked, provider=provider).delete()
        _record(Event.Kind.IDENTITY_UNLINKED, user, provider, client=client)


def confirm(user: User, password: str | None, *, kind: Event.Kind, client: Client) -> None:
    """Make sure the owner of `user` asks for a change of links: by the current password, if the account has one.

    Raises InvalidInput when it is missing, InvalidCredentials when it is wrong, AccountLocked and Throttled after
    failures. Hashes and counts: call it in no transaction.
    """
    if password is None and user.has_usable_password():
        raise InvalidInput("password", _("The current password is needed."))
    try:
        credentials.confirm(user, password, kind=kind, dialect=Dialect.REGISTRATION, client=client)
    except WrongCurrentPassword as error:
        raise InvalidCredentials(error.text) from error


def make_account(
    details: dict[str, str],
    user: User | None = None,
    *_args: Any,
    candidate: Candidate,
    dialect: Dialect,
    client: Client,
    **_facts: Any,
) -> dict[str, Any]:
    """A step of the pipeline: the account of somebody the step before did not find."""
    if user is not None:
        raise IdentityTaken
    try:
        user = registration.register(candidate, dialect=dialect, client=client)
    except IdentifierTaken as error:
        raise EmailOwned from error
    editing.edit(user, first_name=details["first_name"], last_name=details["last_name"])
    return {"user": user, "is_new": True}


def _usable_email(told: str) -> str | None:
    """What the provider tells, or None where no account could have it: such a person registers all the same."""
    try:
        return identifiers.expect(Kind.EMAIL, told).value
    except InvalidIdentifier:
        return None


def _run(identity: Identity, *steps: str, **facts: Any) -> dict[str, Any]:
    """Send `identity` through `steps`; what the steps found: `user`, `social`, `new_association`."""
    backend = providers.backend(identity.provider)
    return backend.run_pipeline(list(steps), response=dict(identity.response), user=facts.pop("user", None), **facts)


def _record(kind: Event.Kind, user: User, provider: str, *, client: Client) -> None:
    events.record(kind, user, dialect=Dialect.REGISTRATION, client=client, provider=provider)
