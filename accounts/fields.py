"""A column that Python fills in from another one."""

from collections.abc import Callable
from typing import Any

from django.db import models


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
