"""What sites that share our accounts are told of one: goncord's hot path, so it is kept in memory while it is true.

The statement that decides about a token also reads the account's `card_version` and the catalogue's version. A card is
kept under those versions, so what has changed since is never found: no clock is involved and nothing is invalidated.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from profiles import conf
from profiles.models import ApplicationPayload, Profile
from profiles.services import cards

# What one entry costs beside its payloads, roughly.
ENTRY_BYTES = 2_048

Versions = tuple[int, str, int, int]


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
    """The card of `user` at the versions that one statement has just read together: no query, else three.

    Call it outside transactions only: a version that is rolled back is given out again for another card.
    """
    # The stamp makes the key the account's own for ever, also where a restored database gives out its id again.
    versions = (user.pk, user.credentials_stamp, user.card_version, catalogue_version)
    found = _memory.get(versions)
    if found is None:
        found = load(user)
        _memory.put(versions, found, size=ENTRY_BYTES + len(json.dumps(found.payloads)))
    return found


class _Memory:
    """The cards used last, as many as fit in `conf.card_cache_bytes()`; one for each account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cards: OrderedDict[int, tuple[Versions, SharedCard, int]] = OrderedDict()
        self._bytes = 0

    def get(self, versions: Versions) -> SharedCard | None:
        with self._lock:
            kept = self._cards.get(versions[0])
            if kept is None or kept[0] != versions:
                return None
            self._cards.move_to_end(versions[0])
            return kept[1]

    def put(self, versions: Versions, card: SharedCard, *, size: int) -> None:
        with self._lock:
            replaced = self._cards.pop(versions[0], None)
            self._cards[versions[0]] = (versions, card, size)
            self._bytes += size - (replaced[2] if replaced else 0)
            while self._bytes > conf.card_cache_bytes():
                _, (_, _, freed) = self._cards.popitem(last=False)
                self._bytes -= freed


_memory = _Memory()
