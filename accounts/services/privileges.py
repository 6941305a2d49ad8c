"""Who of the staff may do what to whom: nobody grants, or takes, what they do not hold themselves.

Whether somebody may see or change a kind of thing at all is Django's permissions' business.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model, Q, QuerySet

from accounts.models import Role, User


def may_act_on(actor: User, target: User) -> bool:
    """Whether `actor` may change, end or delete the account `target`, which would let it act as `target`.

    A superuser is out of reach of all but superusers, and staff of those who lack one of its permissions.
    """
    if actor.is_superuser or actor.pk == target.pk:
        return True
    if target.is_superuser:
        return False
    return not target.is_staff or held(target) <= held(actor)


def held(user: User) -> set[int]:
    """The ids of the permissions that count in the admin: the account's own and its groups'. One query a load."""
    cached: set[int] | None = getattr(user, "_held_permissions", None)
    if cached is None:
        cached = set(_held(user).values_list("pk", flat=True))
        user._held_permissions = cached  # type: ignore[attr-defined]
    return cached


def grantable(actor: User, kind: type[Model]) -> QuerySet[Any]:
    """The roles, groups or permissions that `actor` may hand out: all for a superuser, else those it holds."""
    if kind is Permission:
        return Permission.objects.all() if actor.is_superuser else _held(actor)
    everything: QuerySet[Any] = kind._default_manager.all()
    if actor.is_superuser:
        return everything
    # A role or a group means something to the sites by its name alone: holding its permissions is not holding it.
    return everything.filter(members=actor) if kind is Role else everything.filter(user=actor)


def not_grantable(actor: User, kind: type[Model], things: Iterable[Model]) -> list[Model]:
    """Those of `things` that `actor` may neither give nor take. One query at most."""
    wanted = {thing.pk: thing for thing in things}
    if actor.is_superuser or not wanted:
        return []
    allowed = set(grantable(actor, kind).filter(pk__in=list(wanted)).values_list("pk", flat=True))
    return [thing for pk, thing in wanted.items() if pk not in allowed]


def _held(user: User) -> QuerySet[Permission]:
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()
