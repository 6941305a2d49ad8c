"""Many callers at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections


def race(n: int, call: Callable[[int], Any]) -> list[Any]:
    """Run `call(0)` to `call(n - 1)` at once, each in a thread; return what each returned, or the exception it raised.

    A test that races on the database needs real transactions: `@pytest.mark.django_db(transaction=True)`.
    """
    start = threading.Barrier(n)

    def run(number: int) -> Any:
        try:
            start.wait(timeout=30)
            return call(number)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this caller's outcome.
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))
