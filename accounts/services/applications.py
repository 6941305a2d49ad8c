"""Applications: sites that share our accounts, each known by its `x-app-token`."""

import logging
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import texts
from accounts.clients import Client, Dialect
from accounts.digests import digest
from accounts.errors import ApplicationNotAllowed, Conflict, InvalidInput, NotFound
from accounts.models import Application, Event, User
from accounts.services import events, lockout, roles
from accounts.services.lockout import Guess
from accounts.services.versions import catalogue_changed

logger = logging.getLogger(__name__)

SECRET_BYTES = 32
LAST_USED_GRAIN = timedelta(seconds=60)
# An operator's own token may be a UUID, as goncord's always were; spelled without dashes it has 32 characters.
_OWN_TOKEN = re.compile(r"[!-~]{32,255}", re.ASCII)
WEB = ("http://", "https://")


def authenticate(token: str, *, needs_super: bool, user: User, client: Client) -> Application:
    """The active application whose `token` this is, with status super where that is needed. One query.

    Both the current token and the one before it are good. What an application does to `user` is recorded once a minute.
    Raises ApplicationNotAllowed, and Throttled when `client` has presented too many tokens of no application.
    """
    application = _holders(digest(token)).filter(is_active=True).first() if token else None
    if application is None and token:
        lockout.wrong(Guess.APPLICATION_TOKEN, client=client)
    if application is None or (needs_super and not application.is_super):
        raise ApplicationNotAllowed
    _touch(application, user, client)
    return application


def actor_of(application: Application) -> str:
    """How events name the application; its address is cut where the column ends."""
    return f"app:{application.url}"[: Event._meta.get_field("actor").max_length]


def menu(user: User) -> list[Application]:
    """The active applications that share a role with `user`, by address. One query."""
    return list(Application.objects.filter(is_active=True, roles__members=user).distinct())


def create(
    url: str,
    name: str,
    *,
    is_super: bool = False,
    role_names: Iterable[str] = (),
    token: str | None = None,
    client: Client | None = None,
    actor: str,
) -> tuple[Application, str]:
    """A new application and its token, which is known only now: 256 random bits, or the operator's own `token`.

    Missing roles are created. Raises InvalidInput, and Conflict when the address or the token is in use.
    """
    secret = _secret(token)
    application = Application(url=url, name=name, is_super=is_super, token_digest=digest(secret))
    in_use = Conflict(_("An application with this address or this token already exists."))
    check(url=url, name=name)
    try:
        application.clean_fields()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise InvalidInput(field, " ".join(reasons)) from error
    if _holders(digest(secret)).exists():
        raise in_use
    try:
        with transaction.atomic():
            application.save(force_insert=True)
            application.roles.set(roles.ensure(role_names))
            catalogue_changed()
            facts: dict[str, Any] = {"application": url, "is_super": is_super}
            events.record(Event.Kind.APPLICATION_CHANGED, client=client, actor=actor, change="created", **facts)
    except IntegrityError as error:
        raise in_use from error
    return application, secret


def check(*, url: str, name: str) -> None:
    """Refuse an address that is not of the web or has a user in it, and what is no line. Raises InvalidInput."""
    if not url.lower().startswith(WEB):
        raise InvalidInput("url", _("The address of an application begins with http:// or https://."))
    if "@" in url.split("/")[2]:
        raise InvalidInput("url", _("The address of an application names no user and no password."))
    for field, text in (("url", url), ("name", name)):
        if not texts.is_line(text):
            raise InvalidInput(field, _("Write one line of text, without control characters."))


def rotate_token(
    application: Application,
    *,
    token: str | None = None,
    at_once: bool = False,
    client: Client | None = None,
    actor: str,
) -> str:
    """Give `application` a new token and return it; the present one stays good until the next rotation.

    `at_once` (the present token has leaked) ends every older token now. Raises InvalidInput for a token of the
    operator's own that is no secret, Conflict when it is in use or another rotation came first.
    """
    secret = _secret(token)
    if application.token_digest is not None and bytes(application.token_digest) == digest(secret):
        raise Conflict(_("This is the present token."))
    previous = None if at_once else application.token_digest
    change = "token replaced" if at_once else "token rotated"
    _replace_tokens(application, digest(secret), previous, change=change, client=client, actor=actor)
    return secret


def end_previous_token(application: Application, *, client: Client | None = None, actor: str) -> None:
    """End the token before the last rotation: the site has been redeployed. Raises Conflict after another rotation."""
    facts: dict[str, Any] = {"change": "previous token ended", "client": client, "actor": actor}
    _replace_tokens(application, application.token_digest, None, **facts)


def look_up(url: str) -> Application:
    """The application at `url`. Raises NotFound."""
    found = Application.objects.filter(url=url).first()
    if found is None:
        raise NotFound(_("There is no application with this address."))
    return found


def _replace_tokens(
    application: Application,
    current: Any,
    previous: Any,
    *,
    change: str,
    client: Client | None,
    actor: str,
) -> None:
    conflict = Conflict(_("This token is in use, or another rotation came first."))
    if current is not None and _holders(current).exclude(pk=application.pk).exists():
        raise conflict
    unchanged = Application.objects.filter(pk=application.pk, token_digest=application.token_digest)
    try:
        with transaction.atomic():
            if not unchanged.update(token_digest=current, previous_token_digest=previous):
                raise conflict
            facts: dict[str, Any] = {"change": change, "application": application.url}
            events.record(Event.Kind.APPLICATION_CHANGED, client=client, actor=actor, **facts)
    except IntegrityError as error:
        raise conflict from error
    application.token_digest, application.previous_token_digest = current, previous


def _holders(token_digest: bytes) -> QuerySet[Application]:
    # A unique constraint knows one column only; a token is looked up in both.
    return Application.objects.filter(Q(token_digest=token_digest) | Q(previous_token_digest=token_digest))


def _secret(own: str | None) -> str:
    if own is None:
        return secrets.token_urlsafe(SECRET_BYTES)
    if not _OWN_TOKEN.fullmatch(own):
        raise InvalidInput("token", _("A token has 32 to 255 visible ASCII characters."))
    return own


def _touch(application: Application, user: User, client: Client) -> None:
    now = timezone.now()
    if application.last_used is not None and now - application.last_used <= LAST_USED_GRAIN:
        return
    due = Q(last_used__isnull=True) | Q(last_used__lt=now - LAST_USED_GRAIN)
    try:
        with transaction.atomic():
            if Application.objects.filter(due, pk=application.pk).update(last_used=now):
                events.record(
                    Event.Kind.APPLICATION_USED,
                    user,
                    dialect=Dialect.GONCORD,
                    client=client,
                    actor=actor_of(application),
                    application=application.url,
                )
    except DatabaseError:
        # The decision stands; when it was last used is only worth knowing.
        logger.warning("last_used of application %s could not be written", application.pk)
