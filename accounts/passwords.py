"""What a password may be before it is hashed, and hashing it: not more at a time than there are cores for.

Each dialect's own pattern stands in its serializers.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.contrib.auth.hashers import check_password, make_password

from accounts import conf
from accounts.errors import Unavailable

MAX_CHARACTERS = 256


def evaluable(password: str) -> bool:
    """Whether a password is worth a hash: 1 to 256 characters, and text that UTF-8 and a database can carry.

    U+FFFD stands where bytes were no UTF-8: with it all passwords of one length in another encoding would be one.
    """
    is_text = "\x00" not in password and "\ufffd" not in password and not _has_surrogate(password)
    return is_text and 1 <= len(password) <= MAX_CHARACTERS


def normalised(password: str) -> str:
    """NFC, so that one password typed on two keyboards is one (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFC", password)


def matches(password: str, encoded: str) -> bool:
    """Whether `encoded` was made of `password`. Raises Unavailable at once when too many wait for a hash already."""
    with _room().for_one():
        return check_password(normalised(password), encoded)


def hashed(password: str) -> str:
    """`password` as it is stored. Raises Unavailable as `matches` does.

    Never call it inside a transaction: on SQLite that holds the only write lock.
    """
    with _room().for_one():
        return make_password(normalised(password))


class Room:
    """Room for `slots` hashes at a time in this process, and for `queue` more to wait; nobody else waits.

    A flood of sign-ins takes `slots` times the memory of one hash, and leaves the threads above `slots + queue` free.
    """

    def __init__(self, slots: int, queue: int) -> None:
        self._slots = threading.Semaphore(slots)
        self._places = threading.Semaphore(slots + queue)

    @contextmanager
    def for_one(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Unavailable
        try:
            with self._slots:
                yield
        finally:
            self._places.release()


def _room() -> Room:
    return _room_of(conf.hashing_slots(), conf.hashing_queue())


@cache
def _room_of(slots: int, queue: int) -> Room:
    return Room(slots, queue)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
