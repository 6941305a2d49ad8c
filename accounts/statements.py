"""Queries that are asked with every request: Django writes their SQL once, and PostgreSQL plans it once.

Writing SQL from a queryset takes some ten times as long as asking for what it says; planning it, as answering it.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import psycopg
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler

M = TypeVar("M", bound=models.Model)


class Given(models.Expression):
    """In a queryset, the value called `name` that comes with each asking; `output_field` says how databases take it."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return "%s", [self]

    def prepared(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """`value` as the parameter that the database takes."""
        return self.output_field.get_db_prep_value(value, connection)


class PreparingCursor(psycopg.Cursor[Any]):
    """Prepares what it executes, where the connection allows it: PostgreSQL keeps the plan until that is closed.

    Django's own cursor writes the values into the text, so that to PostgreSQL every question is a new one.
    """

    def execute(self, query: Any, params: Any = None, *, prepare: bool | None = True, **options: Any) -> Any:
        return super().execute(query, params, prepare=prepare, **options)


def _cursor(connection: BaseDatabaseWrapper) -> CursorWrapper:
    # Whoever has Django keep the text of every query wants one that has the values in it.
    if connection.vendor != "postgresql" or connection.queries_logged:
        return connection.cursor()
    # As Django's own `cursor()` begins and goes on: a dead connection is replaced, and errors are Django's, too.
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    return connection._prepare_cursor(PreparingCursor(connection.connection))  # type: ignore[attr-defined]


class Statement(threading.local, Generic[M]):
    """What `make()`, a queryset with `Given` values, asks the database. It is written anew in every thread.

    A connection belongs to a thread, and what is written for it may lean on it.
    """

    def __init__(self, model: type[M], make: Callable[[], models.QuerySet[M]]) -> None:
        self._model, self._make = model, make
        self._written: _Written[M] | None = None

    def one(self, **given: Any) -> M | None:
        """The one row there is, as the queryset would give it, or None. One query."""
        connection = connections[router.db_for_read(self._model)]
        if self._written is None or self._written.connection is not connection:
            self._written = _Written(self._make(), connection)
        return self._written.one(given)


class _Written(Generic[M]):
    def __init__(self, queryset: models.QuerySet[M], connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        compiler = queryset.order_by().query.get_compiler(connection=connection)
        self._sql, self._parameters = compiler.as_sql()
        # From here on as django.db.models.query.ModelIterable reads its rows.
        select, found = compiler.select, compiler.klass_info
        columns = found["select_fields"]
        self._model, self._own = found["model"], slice(columns[0], columns[-1] + 1)
        self._names = [column.target.attname for column, _, _ in select[self._own]]
        self._populators = get_related_populators(found, select, connection.alias)  # type: ignore[call-arg]
        self._annotations = compiler.annotation_col_map
        self._converters = [
            (place, converter, expression)
            for place, (converters, expression) in compiler.get_converters([one for one, _, _ in select]).items()
            for converter in converters
        ]

    def one(self, given: Mapping[str, Any]) -> M | None:
        parameters = [
            one.prepared(given[one.name], self.connection) if isinstance(one, Given) else one
            for one in self._parameters
        ]
        with _cursor(self.connection) as cursor:
            cursor.execute(self._sql, parameters)
            found = cursor.fetchone()
        return None if found is None else self._read(list(found))

    def _read(self, row: list[Any]) -> M:
        for place, converter, expression in self._converters:
            row[place] = converter(row[place], expression, self.connection)
        read = self._model.from_db(self.connection.alias, self._names, row[self._own])
        for populator in self._populators:
            populator.populate(row, read)
        for name, place in self._annotations.items():
            setattr(read, name, row[place])
        return read
