"""Roles, groups, permissions and applications as things of their own: every change makes the cached cards old."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Model

from accounts.clients import Client
from accounts.models import Application, Event, Role
from accounts.services import events
from accounts.services.versions import catalogue_changed

_KINDS = {Application: Event.Kind.APPLICATION_CHANGED, Role: Event.Kind.ROLES_CHANGED}


def changed(thing: Model, change: str, *, client: Client | None = None, actor: str, **details: object) -> None:
    """Tell that `thing` was made, edited or deleted; call it in the transaction of the change, after it."""
    catalogue_changed()
    kind = _KINDS.get(type(thing), Event.Kind.CATALOGUE_CHANGED)
    facts: dict[str, Any] = {thing._meta.model_name or "": str(thing), "change": change, **details}
    events.record(kind, client=client, actor=actor, **facts)


def delete(things: Iterable[Model], *, client: Client | None = None, actor: str) -> None:
    """Delete `things`, all or none."""
    with transaction.atomic():
        for thing in things:
            name = type(thing)._meta.model_name
            changed(thing, f"{name} deleted", client=client, actor=actor)
            thing.delete()
