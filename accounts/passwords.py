"""What a password may be before it is hashed, and hashing it: not more at a time than there are cores for.

Each dialect's own pattern stands in its serializers.
"""

import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from django.contrib.auth.hashers import check_password, make_password

from accounts import conf
from accounts.errors import Unavailable

T = TypeVar("T")

MIN_CHARACTERS = 6
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
    return _room().hash(check_password, normalised(password), encoded)


def hashed(password: str) -> str:
    """`password` as it is stored. Raises Unavailable as `matches` does.

    Never call it inside a transaction: on SQLite that holds the only write lock.
    """
    return _room().hash(make_password, normalised(password))


class Room:
    """Room for `slots` hashes at a time in this process, and for `queue` more to wait; nobody else waits.

    They are computed by `slots` threads of their own: a thread that has hashed keeps the memory it took (glibc's malloc
    gives every thread an arena), so a flood takes `slots` times the memory of one hash, whoever asks for them.
    """

    def __init__(self, slots: int, queue: int) -> None:
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="hash", initializer=_step_back)
        self._places = threading.Semaphore(slots + queue)

    def hash(self, function: Callable[..., T], *arguments: str) -> T:
        """What `function` makes of `arguments`. Raises Unavailable at once when there is no place left to wait."""
        if not self._places.acquire(blocking=False):
            raise Unavailable
        try:
            return self._threads.submit(function, *arguments).result()
        finally:
            self._places.release()


def _room() -> Room:
    return _room_of(conf.hashing_slots(), conf.hashing_queue(), os.getpid())


@cache
def _room_of(slots: int, queue: int, process: int) -> Room:
    # A process that was forked off this one would have the room without its threads.
    return Room(slots, queue)


def _step_back() -> None:
    """Let whoever needs a core for a moment have it before this thread, which needs one for long.

    Linux alone gives each thread a priority of its own (setpriority(2)); elsewhere it would be the whole process's.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(os.nice(0) + 10, 19))


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
