"""How cabinet shows an account, and what it lets a person change (seeds 003 and 004)."""

from datetime import date
from typing import Any, cast

from rest_framework import serializers

from accounts import identifiers
from accounts.serializers.cabinet import NAME
from accounts.serializers.fields import ISODate, Text, Whole
from accounts.texts import LINES
from profiles import conf
from profiles.models import MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS, Profile
from profiles.services import avatars, directory
from profiles.services.cards import Card, Entry

COLOUR = r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})"


class Named(serializers.Serializer[Any]):
    """A group or a role."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class DirectoryEntry(serializers.Serializer[Any]):
    """An account as the directory shows it; unset strings are ""."""

    id = serializers.IntegerField()
    login = serializers.CharField()
    email = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    created_at = serializers.CharField(help_text="`2024-03-07 23:32:53.818302`, UTC, always six fractional digits.")
    description = serializers.CharField()
    background_color = serializers.CharField()
    birthday = serializers.CharField(help_text="`2005-04-07`, or an empty string.")
    patronymic = serializers.CharField()
    avatar = serializers.CharField(help_text="An absolute address, or an empty string.")
    groups = Named(many=True)
    roles = Named(many=True)


class Account(DirectoryEntry):
    """An account as its owner sees it."""

    permissions = serializers.ListField(child=serializers.CharField())
    token = serializers.CharField()


class Info(serializers.Serializer[Any]):
    """POST /account/edit/info: the six values; what is absent or null stays, "" clears three of them."""

    keeps_empty = True

    first_name = Text(pattern=NAME, max_length=256, required=False)
    last_name = Text(pattern=NAME, max_length=256, required=False)
    patronymic = Text(pattern=NAME, max_length=256, required=False, allow_blank=True)
    birthday = ISODate(required=False, allow_null=True)
    description = Text(pattern=LINES, max_length=MAX_DESCRIPTION_CHARACTERS, required=False, allow_blank=True)
    background_color = Text(pattern=COLOUR, max_length=7, required=False)

    def to_internal_value(self, data: Any) -> Any:
        # What equals the stored value is no change, also where it came by a dialect with other rules.
        stored = info(cast("Profile", self.instance))
        changes = {name: value for name, value in data.items() if value is not None and stored.get(name) != value}
        cleared = {"birthday": None} if changes.get("birthday") == "" else {}
        values = super().to_internal_value({**changes, **cleared})
        renamed = {"patronymic": "middle_name", "birthday": "birthdate"}
        return {renamed.get(name, name): value for name, value in values.items()}


def directory_entry(entry: Entry) -> dict[str, Any]:
    """An entry of the directory; without the e-mail where the operator hides them."""
    return {
        "id": entry.id,
        "login": entry.username,
        "email": (entry.email or "") if conf.directory_shows_emails() else "",
        "first_name": entry.first_name,
        "last_name": entry.last_name,
        "created_at": entry.created_at.replace(tzinfo=None).isoformat(" ", "microseconds"),
        "description": entry.description,
        "background_color": entry.background_color,
        "birthday": _day(entry.birthdate),
        "patronymic": entry.middle_name,
        "avatar": avatars.address(entry.avatar),
        "groups": [{"id": pk, "name": name} for pk, name in entry.groups],
        "roles": [{"id": pk, "name": name} for pk, name in entry.roles],
    }


def account(card: Card, permissions: list[str], token: str) -> dict[str, Any]:
    """The account as its owner sees it, with the token presented or just issued."""
    own = {"email": card.user.email or "", "permissions": permissions, "token": token}
    return {**directory_entry(card.entry), **own}


def info(profile: Profile) -> dict[str, Any]:
    """The six values that `edit/info` takes and answers."""
    return {
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "patronymic": profile.middle_name,
        "birthday": _day(profile.birthdate),
        "description": profile.description,
        "background_color": profile.background_color,
    }


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


class DirectoryArguments(serializers.Serializer[Any]):
    """GET /info/users/: a page of `limit` entries with ids above `after`; everybody without `limit`."""

    limit = Whole(min_value=1, max_value=directory.PAGE, required=False)
    after = Whole(min_value=0, max_value=identifiers.MAX_ACCOUNT_ID, required=False, default=0)
    q = Text(
        max_length=MAX_NAME_CHARACTERS,
        trimmed=True,
        required=False,
        default="",
        help_text="The beginning of a login or of names, in any case.",
    )


class AvatarArguments(serializers.Serializer[Any]):
    """POST /account/edit/avatar: a file."""

    avatar = serializers.FileField(max_length=None, allow_empty_file=True)


class AvatarAnswer(serializers.Serializer[Any]):
    """Where the avatar can be seen."""

    avatar = serializers.CharField(help_text="An absolute address, or an empty string.")
