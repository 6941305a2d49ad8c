"""Ending sign-ins: one statement on the rows' own columns, and the number of rows tells who ended them."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.clients import Client
from accounts.errors import TokenNotWorking
from accounts.models import Event, User
from accounts.services import credentials, events
from tokens.models import LedgerClosing, SignIn

BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How many sign-ins have ended so far, and that all up to the id `reached` of `last` have been looked at."""

    ended: int
    reached: int
    last: int


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


def end_everything(user: User, *, client: Client | None = None, actor: str = "") -> int:
    """End every sign-in of `user` in every dialect, and its session in the admin; return how many this call ended."""
    with transaction.atomic():
        count = SignIn.objects.working_of(user).update(revoked=timezone.now())
        credentials.renew_stamp(user)
        _record(user, count, "", client, actor)
    return count


def revoke_matching(
    *,
    user: User | None = None,
    agent: str = "",
    dialect: str = "",
    started_before: datetime | None = None,
    client: Client | None = None,
    actor: str,
) -> Generator[Progress, None, None]:
    """End the sign-ins of `user`, or of everybody, that match everything given; tell after each batch how far it is.

    `agent` and `started_before` as in `revoke_all`. What begins meanwhile is left alone. One event is written, also
    when the caller stops in the middle.
    """
    rows = matching(user=user, agent=agent, dialect=dialect, started_before=started_before)
    ended, begin, now = 0, 0, timezone.now()
    try:
        if started_before is not None and user is None and not agent and not dialect:
            begin, ended = _close_before(started_before)
            yield Progress(ended, begin, begin)
        for after, upto, last in _windows(user, begin):
            ended += rows.filter(pk__gt=after, pk__lte=upto).update(revoked=now)
            yield Progress(ended, upto, last)
    finally:
        facts = _given(count=ended, agent=agent, of_dialect=dialect)
        if started_before is not None:
            facts["started_before"] = started_before.isoformat()
        events.record(Event.Kind.SIGN_IN_ENDED, user, client=client, actor=actor, **facts)


def revoke_everybody(*, client: Client | None = None, actor: str) -> int:
    """End every sign-in of everybody and every session in the admin; return how many sign-ins there were.

    One statement, however many there are: it is in force with the next request.
    """
    with transaction.atomic():
        newest = SignIn.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        count = SignIn.objects.unended().filter(pk__lte=newest).count()
        LedgerClosing.objects.close(newest)
        for member in User.objects.filter(is_staff=True).order_by("pk").iterator():
            credentials.renew_stamp(member)
        events.record(Event.Kind.SIGN_IN_ENDED, client=client, actor=actor, everybody=True, count=count)
    return count


def matching(
    *, user: User | None = None, agent: str = "", dialect: str = "", started_before: datetime | None = None
) -> QuerySet[SignIn]:
    """The sign-ins neither revoked nor expired that match everything given."""
    rows = SignIn.objects.unended().filter(**_given(user=user, dialect=dialect, started__lt=started_before))
    # Both sides are folded in Python: SQLite's LIKE knows the case of ASCII letters only.
    return rows.filter(agent_folded__contains=agent.casefold()) if agent else rows


def _given(**conditions: Any) -> dict[str, Any]:
    return {name: value for name, value in conditions.items() if value not in (None, "")}


def _close_before(moment: datetime) -> tuple[int, int]:
    """Close the ledger up to the first row that began at `moment` or later; where that is, and how many it ended."""
    rows = SignIn.objects.order_by("pk").values_list("pk", flat=True)
    first = rows.filter(started__gte=moment).first()
    upto = first - 1 if first else rows.last() or 0
    with transaction.atomic():
        count = SignIn.objects.unended().filter(pk__lte=upto).count()
        LedgerClosing.objects.close(upto)
    return upto, count


def _windows(user: User | None, begin: int) -> Iterator[tuple[int, int, int]]:
    """Ranges of ids with BATCH rows each; a statement for each, so that none holds many locks for long."""
    newest = SignIn.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    after = begin if user is None else newest
    if user is not None:
        yield 0, newest, newest
    while after < newest:
        ids = SignIn.objects.filter(pk__gt=after, pk__lte=newest).order_by("pk").values_list("pk", flat=True)
        found = list(ids[BATCH - 1 : BATCH])
        upto = found[0] if found else newest
        yield after, upto, newest
        after = upto


def _record(user: User, count: int, dialect: str, client: Client | None, actor: str) -> None:
    events.record(Event.Kind.SIGN_IN_ENDED, user, dialect=dialect, client=client, actor=actor, count=count)
