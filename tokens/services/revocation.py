"""Ending sign-ins: one statement on the rows' own columns, and the number of rows tells who ended them."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.clients import Client
from accounts.errors import TokenNotWorking
from accounts.models import Event, User
from accounts.services import events
from tokens.models import SignIn


def revoke(sign_in: SignIn, *, dialect: str = "", client: Client | None = None, actor: str = "") -> None:
    """End one sign-in. Raises TokenNotWorking when it was over already: of two that end it at once one is told so."""
    rows = SignIn.objects.working_of(sign_in.user).filter(pk=sign_in.pk)
    with transaction.atomic():
        if not rows.update(revoked=timezone.now()):
            raise TokenNotWorking
        _record(sign_in.user, 1, dialect, client, actor)


def revoke_all(
    user: User,
    *,
    agent: str = "",
    started_before: datetime | None = None,
    dialect: str = "",
    client: Client | None = None,
    actor: str = "",
) -> int:
    """End the working sign-ins of `user` in every dialect; return how many this call ended.

    `agent`: only those whose agent contains it, in any case, `%` and `_` meaning themselves; `started_before`: only
    those that began strictly before it; with both, both must hold.
    """
    rows = SignIn.objects.working_of(user)
    if agent:
        # Both sides are folded in Python: SQLite's LIKE knows the case of ASCII letters only.
        rows = rows.filter(agent_folded__contains=agent.casefold())
    if started_before is not None:
        rows = rows.filter(started__lt=started_before)
    with transaction.atomic():
        count = rows.update(revoked=timezone.now())
        if count:
            _record(user, count, dialect, client, actor)
    return count


def _record(user: User, count: int, dialect: str, client: Client | None, actor: str) -> None:
    events.record(Event.Kind.SIGN_IN_ENDED, user, dialect=dialect, client=client, actor=actor, count=count)
