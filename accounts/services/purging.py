"""Deleting what is over: in batches, each a transaction of its own, so that the house serves on meanwhile."""

from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

BATCH = 5_000


def in_batches(rows: QuerySet[Any], *, oldest_first: str) -> Iterator[int]:
    """Delete `rows` in the order of the indexed column `oldest_first`; yield the size of each batch when it is gone.

    Memory holds the keys of one batch. What somebody else has locked is left for the next time (PostgreSQL; on SQLite
    nobody else writes meanwhile).
    """
    found = rows.order_by(oldest_first)
    if connection.features.has_select_for_update_skip_locked:
        found = found.select_for_update(skip_locked=True)
    while True:
        with transaction.atomic():
            keys = list(found.values_list("pk", flat=True)[:BATCH])
            if keys:
                rows.model._default_manager.filter(pk__in=keys).delete()
        if not keys:
            return
        yield len(keys)
