"""What is told of accounts, kept in memory while it is true: the calls that are asked most take one query then.

The statement that decides about a token also reads the account's `card_version` and the catalogue's version. What was
loaded is kept under those versions, so what has changed since is never found: no clock is involved and nothing is
invalidated.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from accounts.models import User
from profiles import conf

T = TypeVar("T")

# What one entry costs beside what its `size` says, roughly.
ENTRY_BYTES = 2_048

Versions = tuple[str, int, int]
Key = tuple[Callable[[User], Any], int]


def remembered(load: Callable[[User], T], user: User, *, catalogue_version: int, size: Callable[[T], int]) -> T:
    """What `load` told of `user` at the versions that one statement has just read together, or tells now.

    Call it outside transactions only: a version that is rolled back is given out again for another state.
    """
    # The stamp makes the key the account's own for ever, also where a restored database gives out its id again.
    versions = (user.credentials_stamp, user.card_version, catalogue_version)
    found = _memory.get((load, user.pk), versions)
    if found is None:
        found = load(user)
        _memory.put((load, user.pk), versions, found, size=ENTRY_BYTES + size(found))
    return found


class _Memory:
    """What was used last, as much as fits in `conf.card_cache_bytes()`; one entry for each key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, tuple[Versions, Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key, versions: Versions) -> Any:
        with self._lock:
            kept = self._entries.get(key)
            if kept is None or kept[0] != versions:
                return None
            self._entries.move_to_end(key)
            return kept[1]

    def put(self, key: Key, versions: Versions, told: Any, *, size: int) -> None:
        with self._lock:
            replaced = self._entries.pop(key, None)
            self._entries[key] = (versions, told, size)
            self._bytes += size - (replaced[2] if replaced else 0)
            while self._bytes > conf.card_cache_bytes():
                _, (_, _, freed) = self._entries.popitem(last=False)
                self._bytes -= freed


_memory = _Memory()
