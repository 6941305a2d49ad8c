"""The record of what happened: one insert each, in the transaction of a success, outside that of a refusal."""

import logging
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import conf
from accounts.clients import Client
from accounts.models import Event, User

logger = logging.getLogger(__name__)


def record(
    kind: Event.Kind,
    user: User | None = None,
    *,
    dialect: str = "",
    client: Client | None = None,
    succeeded: bool = True,
    actor: str = "",
    **details: Any,
) -> None:
    """Write one event. `details` are facts a person may read later; a secret must never be among them.

    `actor` names who did it when that is not the account itself: `staff:7`, `app:https://…`, `command`.
    """
    client = client or Client()
    Event.objects.create(
        kind=kind,
        user=user,
        user_ref=user.pk if user else None,
        dialect=dialect,
        ip=client.ip,
        agent=client.agent,
        succeeded=succeeded,
        actor=actor,
        details=details,
    )


def over() -> QuerySet[Event]:
    """The events that have been kept for as long as the operator wants them."""
    return Event.objects.filter(time__lt=timezone.now() - timedelta(days=conf.event_days()))


def record_refusal(kind: Event.Kind, user: User | None = None, **facts: Any) -> None:
    """Write an event about a refusal, in a transaction of its own; a refusal is answered even when this fails."""
    try:
        with transaction.atomic():
            record(kind, user, succeeded=False, **facts)
    except DatabaseError:
        logger.exception("an event could not be written")
