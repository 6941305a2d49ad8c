"""What sites that share our accounts are told of one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from profiles.models import ApplicationPayload, Profile
from profiles.services import cards, memory


@dataclass(frozen=True, slots=True)
class SharedCard:
    """An account's profile, the names of its roles by name, and what each application keeps about it, by address."""

    profile: Profile
    roles: list[str] = field(default_factory=list)
    payloads: Mapping[str, Any] = field(default_factory=dict)


def load(user: User) -> SharedCard:
    """The card as it is now. Three queries."""
    card = cards.card(user)
    stored = ApplicationPayload.objects.filter(user=user).order_by("application__url")
    payloads = dict(stored.values_list("application__url", "payload"))
    return SharedCard(card.profile, [name for _, name in card.roles], payloads)


def remembered(user: User, *, catalogue_version: int) -> SharedCard:
    """The card of `user` at the versions that were just read together: no query, else three (`services.memory`)."""
    return memory.remembered(load, user, catalogue_version=catalogue_version, size=_size)


def _size(card: SharedCard) -> int:
    return len(json.dumps(card.payloads))
