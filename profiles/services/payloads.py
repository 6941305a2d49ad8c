"""What applications keep about an account: a JSON object for each, by the application's address."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import InvalidInput, TokenNotWorking
from accounts.models import Application, User
from accounts.services.versions import cards_changed
from profiles.models import ApplicationPayload

MAX_PAYLOAD_BYTES = 16_384

Changes = dict[int, dict[str, Any] | None]


def changes(given: Mapping[str, Any]) -> Changes:
    """`given` (payload or None by address of the application) as `store` takes it. One query at most.

    Raises InvalidInput about the address of an unknown application, or of one whose payload is none.
    """
    # PostgreSQL refuses to look for a text that it cannot hold.
    urls = [url for url in given if "\x00" not in url]
    known = dict(Application.objects.filter(url__in=urls).values_list("url", "pk")) if urls else {}
    for url, payload in given.items():
        if url not in known:
            raise InvalidInput(url, _("There is no application with this address."))
        if payload is not None:
            _accept(url, payload)
    return {known[url]: payload for url, payload in given.items()}


def own_change(application: Application, payload: Any) -> Changes:
    """The payload of one application as `store` takes it. Raises InvalidInput about its address."""
    _accept(application.url, payload)
    return {application.pk: payload}


def store(user: User, changes: Changes) -> None:
    """Replace the payload of each application named, or remove it; leave the others.

    Of two calls about one application the later wins whole; calls about different ones both hold.
    Raises TokenNotWorking when the account is gone.
    """
    rows = [
        ApplicationPayload(user=user, application_id=pk, payload=payload)
        for pk, payload in changes.items()
        if payload is not None
    ]
    removed = [pk for pk, payload in changes.items() if payload is None]
    with transaction.atomic():
        # The UPDATE locks the account's row, so that calls about one account come one after the other.
        if not cards_changed([user]):
            raise TokenNotWorking
        ApplicationPayload.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["user", "application"], update_fields=["payload"]
        )
        ApplicationPayload.objects.filter(user=user, application__in=removed).delete()


def _accept(url: str, payload: Any) -> None:
    try:
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    except TypeError:
        # A file, in a multipart body.
        payload = None
    if not isinstance(payload, dict):
        raise InvalidInput(url, _("What an application keeps is a JSON object."))
    if len(text.encode()) > MAX_PAYLOAD_BYTES:
        raise InvalidInput(url, _("What an application keeps has at most 16 KiB."))
    if _has_nul(payload):
        # PostgreSQL's jsonb cannot hold it.
        raise InvalidInput(url, _("Null characters are not allowed."))


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any("\x00" in key or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_nul(item) for item in value)
