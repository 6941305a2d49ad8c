"""What a person is told of its own account: the card with all that the account may do."""

from dataclasses import dataclass, replace

from accounts.models import User
from profiles.services import cards, memory
from profiles.services.cards import Card


@dataclass(frozen=True, slots=True)
class OwnCard:
    """The card, and the permissions as `cards.permissions` tells them."""

    card: Card
    permissions: list[str]


def load(user: User) -> OwnCard:
    """The card as it is now. Three queries."""
    return OwnCard(cards.card(user), cards.permissions(user))


def remembered(user: User, *, catalogue_version: int) -> OwnCard:
    """The card of `user` at the versions that were just read together: no query, else three (`services.memory`)."""
    found = memory.remembered(load, user, catalogue_version=catalogue_version, size=_size)
    # The account itself is as the statement has just read it.
    return replace(found, card=replace(found.card, user=user))


def _size(own: OwnCard) -> int:
    # A text costs some fifty bytes more than its characters do, and a pair of a number and a text a hundred.
    names = [name for _, name in (*own.card.groups, *own.card.roles)]
    return sum(50 + len(text) for text in own.permissions) + sum(150 + len(name) for name in names)
