"""Which roles an account has. Only a super application and the staff get here."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.clients import Client
from accounts.errors import InvalidInput, TokenNotWorking
from accounts.models import Event, Role, User
from accounts.services import events
from accounts.services.versions import cards_changed

MAX_NAME_CHARACTERS = 150


def is_name(text: str) -> bool:
    """Whether a role can be called `text`: 1 to 150 visible characters, none of the two ends blank."""
    return 1 <= len(text) <= MAX_NAME_CHARACTERS and text.isprintable() and text == text.strip()


def ensure(names: Iterable[str]) -> list[Role]:
    """The roles of these names, by name; missing ones are created. Raises InvalidInput when one is no name."""
    names = list(names)
    if not all(map(is_name, names)):
        raise InvalidInput("roles", _("A role's name has 1 to 150 visible characters and no blank at its ends."))
    # In one order everywhere, so that two callers who create the same roles wait for each other and never in a ring.
    wanted = sorted(set(names))
    known = set(Role.objects.filter(name__in=wanted).values_list("name", flat=True))
    Role.objects.bulk_create([Role(name=name) for name in wanted if name not in known], ignore_conflicts=True)
    return list(Role.objects.filter(name__in=wanted))


def grant(user: User, names: Iterable[str], *, dialect: str = "", client: Client | None = None, actor: str) -> None:
    """Give `user` the roles `names`, creating missing ones. Raises TokenNotWorking when the account is gone."""
    with transaction.atomic():
        held = _held(user)
        _change(user, held, held | set(names), dialect=dialect, client=client, actor=actor)


def withdraw(user: User, names: Iterable[str], *, dialect: str = "", client: Client | None = None, actor: str) -> None:
    """Take the roles `names` from `user`, those it has. Raises TokenNotWorking when the account is gone."""
    with transaction.atomic():
        held = _held(user)
        _change(user, held, held - set(names), dialect=dialect, client=client, actor=actor)


def replace(user: User, names: Iterable[str], *, dialect: str = "", client: Client | None = None, actor: str) -> None:
    """Let `user` have the roles `names` and no others, creating missing ones. Raises TokenNotWorking as above."""
    with transaction.atomic():
        _change(user, _held(user), set(names), dialect=dialect, client=client, actor=actor)


def _held(user: User) -> set[str]:
    # The UPDATE locks the account's row: of two replacements at once the later one wins whole, never half of each.
    if not cards_changed([user]):
        raise TokenNotWorking
    return set(user.roles.values_list("name", flat=True))


def _change(user: User, held: set[str], wanted: set[str], *, dialect: str, client: Client | None, actor: str) -> None:
    added, removed = sorted(wanted - held), sorted(held - wanted)
    if not added and not removed:
        return
    user.roles.add(*ensure(added))
    user.roles.remove(*Role.objects.filter(name__in=removed))
    events.record(
        Event.Kind.ROLES_CHANGED, user, dialect=dialect, client=client, actor=actor, added=added, removed=removed
    )
