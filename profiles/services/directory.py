"""The directory of active accounts: pages by keyset, so that the last page costs what the first does."""

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from accounts import identifiers
from accounts.errors import AccountNotFound
from accounts.models import User
from profiles.services.cards import Card, card, cards

PAGE = 1000
MAX_ID = 2**63 - 1


def page(*, after: int = 0, limit: int = PAGE) -> list[Card]:
    """At most `limit` cards with ids above `after`, by id. Two queries."""
    return cards(_listed().filter(pk__gt=after).order_by("pk")[:limit])


def everyone(*, after: int = 0) -> Iterator[Card]:
    """Every card with an id above `after`, by id, loaded a page at a time: two queries for each thousand."""
    while batch := page(after=after):
        yield from batch
        after = batch[-1].user.pk


def look_up(name: str) -> Card:
    """The card of the account with the id, else the username, `name`. Two queries. Raises AccountNotFound."""
    wanted = Q(username_canonical=identifiers.folded(name))
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 20 else 0
    if 0 < number <= MAX_ID:
        wanted |= Q(pk=number)
    found = sorted(_listed().filter(wanted), key=lambda user: user.pk != number)
    if not found:
        raise AccountNotFound
    return card(found[0])


def _listed() -> QuerySet[User]:
    return User.objects.filter(is_active=True).select_related("profile")
