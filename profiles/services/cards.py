"""The account card: what is told about an account, gathered once in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple, TypedDict

from django.contrib.auth.models import Permission
from django.db.models import F, Q, QuerySet, Value

from accounts.models import User
from profiles.models import DEFAULT_COLOUR, Profile
from profiles.services import avatars, editing

Named = tuple[int, str]


class Memberships(TypedDict):
    """The groups and roles of one account, each (id, name), by name."""

    groups: list[Named]
    roles: list[Named]


_NOTHING = Memberships(groups=[], roles=[])


COLUMNS = (
    "pk",
    "username",
    "email",
    "created_at",
    "profile__first_name",
    "profile__last_name",
    "profile__middle_name",
    "profile__birthdate",
    "profile__description",
    "profile__background_color",
    "profile__avatar",
)


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
        return avatars.address(self.profile.avatar.name or "")

    @property
    def entry(self) -> "Entry":
        """What everybody may see of it."""
        user, told = self.user, self.profile
        return Entry(
            id=user.pk,
            username=user.username,
            email=user.email,
            created_at=user.created_at,
            first_name=told.first_name,
            last_name=told.last_name,
            middle_name=told.middle_name,
            birthdate=told.birthdate,
            description=told.description,
            background_color=told.background_color,
            avatar=told.avatar.name or "",
            groups=self.groups,
            roles=self.roles,
        )


class Entry(NamedTuple):
    """An account as the directory tells of it, unset texts "": a row, since a thousand model instances cost too much.

    `avatar` is a stored name, `groups` and `roles` are (id, name) by name.
    """

    id: int
    username: str
    email: str | None
    created_at: datetime
    first_name: str
    last_name: str
    middle_name: str
    birthdate: date | None
    description: str
    background_color: str
    avatar: str
    groups: list[Named]
    roles: list[Named]


def card(user: User) -> Card:
    """The card of one account: two queries (one when the profile was loaded with the account)."""
    profile = _loaded_profile(user) if "profile" in user._state.fields_cache else editing.of(user)
    return Card(user, profile, **_memberships([user.pk]).get(user.pk, _NOTHING))


def entries(users: QuerySet[User]) -> list[Entry]:
    """The entries of `users`, which come by id. Two queries; no password is loaded."""
    rows = users.values_list(*COLUMNS)
    memberships = _memberships([row[0] for row in rows])
    return [_entry(row, memberships.get(row[0], _NOTHING)) for row in rows]


def _entry(row: tuple[Any, ...], memberships: Memberships) -> Entry:
    (user_id, username, email, created_at, first, last, middle, birthdate, description, colour, avatar) = row
    # Where the LEFT JOIN found no profile every column of it is null.
    return Entry(
        user_id,
        username,
        email,
        created_at,
        first or "",
        last or "",
        middle or "",
        birthdate,
        description or "",
        colour or DEFAULT_COLOUR,
        avatar or "",
        memberships["groups"],
        memberships["roles"],
    )


def permissions(user: User) -> list[str]:
    """`app_label.codename`, sorted: the union of the account's own, its groups' and its roles'. One query."""
    held = Permission.objects.filter(Q(user=user) | Q(group__user=user) | Q(roles__members=user))
    pairs = held.order_by().values_list("content_type__app_label", "codename").distinct()
    return sorted(f"{app_label}.{codename}" for app_label, codename in pairs)


def _memberships(user_ids: list[int]) -> Mapping[int, Memberships]:
    """The groups and roles of many accounts, by ascending id, in one query."""
    if not user_ids:
        return {}
    wanted = Q(user_id__in=user_ids)
    if user_ids[-1] - user_ids[0] < 4 * len(user_ids):
        # Of neighbours a range finds the same rows, and a thousand parameters cost more than a few rows too many.
        wanted = Q(user_id__gte=user_ids[0], user_id__lte=user_ids[-1])
    groups = _links(User.groups.through, "groups", "group", wanted)
    roles = _links(User.roles.through, "roles", "role", wanted)
    found: dict[int, Memberships] = defaultdict(lambda: Memberships(groups=[], roles=[]))
    for user_id, what, pk, name in sorted(groups.union(roles, all=True), key=itemgetter(3)):
        found[user_id]["groups" if what == "groups" else "roles"].append((pk, name))
    return found


def _links(through: type, what: str, target: str, wanted: Q):  # type: ignore[no-untyped-def]
    return (
        through.objects.filter(wanted)  # type: ignore[attr-defined]
        .annotate(what=Value(what), name=F(f"{target}__name"))
        .values_list("user_id", "what", f"{target}_id", "name")
    )


def _loaded_profile(user: User) -> Profile:
    # The reverse side of a one-to-one raises where the LEFT JOIN found nothing.
    return user._state.fields_cache.get("profile") or Profile(user_id=user.pk)
