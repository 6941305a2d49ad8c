"""How goncord shows an account to the sites that share it (seed 001)."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from profiles.services.shared_cards import SharedCard


class RoleEntry(serializers.Serializer[Any]):
    """A role."""

    name = serializers.CharField()


class UserObject(serializers.Serializer[Any]):
    """An account; what is not set is null."""

    login = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    first_name = serializers.CharField(allow_null=True)
    last_name = serializers.CharField(allow_null=True)
    second_name = serializers.CharField(allow_null=True)
    birthday = serializers.DateField(allow_null=True)
    roles = RoleEntry(many=True)
    apps = serializers.DictField(
        child=serializers.DictField(), help_text="What each application keeps about the account, by its address."
    )


class MenuEntry(serializers.Serializer[Any]):
    """An application that the account may open."""

    url = serializers.CharField()
    name = serializers.CharField()


def user_object(user: User, card: SharedCard) -> dict[str, Any]:
    """The account as UserObject describes it."""
    profile = card.profile
    return {
        "login": user.username,
        "email": user.email,
        "first_name": profile.first_name or None,
        "last_name": profile.last_name or None,
        "second_name": profile.middle_name or None,
        "birthday": profile.birthdate.isoformat() if profile.birthdate else None,
        "roles": [{"name": name} for name in card.roles],
        "apps": card.payloads,
    }
