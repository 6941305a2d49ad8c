"""The account card: what is told about an account, gathered once in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from django.contrib.auth.models import Permission
from django.db.models import F, Q, Value

from accounts.models import User
from profiles import conf
from profiles.models import Profile
from profiles.services import editing

Named = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Card:
    """An account, its profile, and its groups and roles as (id, name) by name."""

    user: User
    profile: Profile
    groups: list[Named] = field(default_factory=list)
    roles: list[Named] = field(default_factory=list)

    @property
    def avatar(self) -> str:
        """The absolute address of the avatar, "" without one."""
        return conf.media_base() + self.profile.avatar.url if self.profile.avatar else ""


def card(user: User) -> Card:
    """The card of one account: two queries (one when the profile was loaded with the account)."""
    profile = _loaded_profile(user) if "profile" in user._state.fields_cache else editing.of(user)
    return Card(user, profile, **_memberships([user.pk])[user.pk])


def cards(users: Iterable[User]) -> list[Card]:
    """The cards of `users`, loaded with `select_related("profile")`: one query for all of them."""
    users = list(users)
    memberships = _memberships([user.pk for user in users])
    return [Card(user, _loaded_profile(user), **memberships[user.pk]) for user in users]


def permissions(user: User) -> list[str]:
    """`app_label.codename`, sorted: the union of the account's own, its groups' and its roles'. One query."""
    held = Permission.objects.filter(Q(user=user) | Q(group__user=user) | Q(roles__members=user))
    pairs = held.order_by().values_list("content_type__app_label", "codename").distinct()
    return sorted(f"{app_label}.{codename}" for app_label, codename in pairs)


def _memberships(user_ids: list[int]) -> Mapping[int, dict[str, list[Named]]]:
    """The groups and roles of many accounts in one query: `{id: {"groups": […], "roles": […]}}`."""
    groups = _links(User.groups.through, "groups", "group", user_ids)
    roles = _links(User.roles.through, "roles", "role", user_ids)
    found: dict[int, dict[str, list[Named]]] = defaultdict(lambda: {"groups": [], "roles": []})
    rows = sorted(groups.union(roles, all=True), key=itemgetter(0, 1, 3))
    for (user_id, what), links in groupby(rows, key=itemgetter(0, 1)):
        found[user_id][what] = [(pk, name) for _, _, pk, name in links]
    return found


def _links(through: type, what: str, target: str, user_ids: list[int]):  # type: ignore[no-untyped-def]
    return (
        through.objects.filter(user_id__in=user_ids)  # type: ignore[attr-defined]
        .annotate(what=Value(what), name=F(f"{target}__name"))
        .values_list("user_id", "what", f"{target}_id", "name")
    )


def _loaded_profile(user: User) -> Profile:
    # The reverse side of a one-to-one raises where the LEFT JOIN found nothing.
    return user._state.fields_cache.get("profile") or Profile(user_id=user.pk)
