"""Many tries from one start."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import caches
from django.db import transaction

from accounts.services import counters, lockout
from tokens.services import keys


@contextmanager
def undone() -> Iterator[None]:
    """Undo at its end what the block writes, so that a test can make its start once and try many things from it.

    What is remembered outside the database stays: where attempts are counted, call `forget` as well.
    """
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def forget() -> None:
    """Forget what the database forgets by itself at the end of a test; Valkey and this process's memory do not."""
    for cache in caches.all():
        cache.clear()
    counters.forget()
    keys.forget()
    lockout.forget()
