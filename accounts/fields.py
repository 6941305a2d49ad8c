"""A column that Python fills in from another one, and the search by how it begins."""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler


class ComputedField(models.CharField):
    """Text computed from the field `source` by `compute` whenever the row is saved; null where the source is null.

    Uniqueness then means the same on SQLite and PostgreSQL, whose own LOWER() differ.
    """

    def __init__(
        self, *args: Any, source: str = "", compute: Callable[[str], str] | None = None, **kwargs: Any
    ) -> None:
        self.source, self.compute = source, compute
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        # A migration's own model has no `compute`; it keeps what is there.
        if self.compute is not None:
            value = getattr(model_instance, self.source)
            setattr(model_instance, self.attname, None if value is None else self.compute(value))
        return super().pre_save(model_instance, add)


@ComputedField.register_lookup
class BeginsWith(models.Lookup):
    """`column__begins_with=text`: the rows whose column begins with `text`, character by character, by an index.

    PostgreSQL wants an index with `varchar_pattern_ops`. SQLite's LIKE never uses an index where something is escaped,
    so there it is a range, which compares by code points.
    """

    lookup_name = "begins_with"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        bounds = (self.rhs, f"{self.rhs}\U0010ffff")
        return f"({column} >= %s AND {column} < %s)", (*parameters, bounds[0], *parameters, bounds[1])

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} LIKE %s", (*parameters, f"{connection.ops.prep_for_like_query(self.rhs)}%")


def computed(model: type[models.Model], changes: dict[str, Any]) -> dict[str, Any]:
    """What `changes` make of the computed columns of `model`: an UPDATE by query asks no field to compute itself."""
    fields = [field for field in model._meta.concrete_fields if isinstance(field, ComputedField)]
    return {
        field.attname: None if changes[field.source] is None else field.compute(changes[field.source])
        for field in fields
        if field.source in changes and field.compute is not None
    }
