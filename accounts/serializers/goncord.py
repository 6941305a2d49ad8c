"""goncord's own rules for making and changing an account (seed 001, contract "goncord")."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from accounts.identifiers import Kind
from accounts.passwords import MAX_CHARACTERS, MIN_CHARACTERS
from accounts.serializers.fields import IdentifierText, ISODate, RawText, Text
from accounts.services import roles
from accounts.texts import LINE

APPLICATION_TOKEN = OpenApiParameter(
    "x-app-token", str, OpenApiParameter.HEADER, required=True, description="The token of the application that acts."
)
MAX_NAME_CHARACTERS = 256
# More than any account has; without a limit one request could make tens of thousands.
MAX_ROLES = 200


class RegistrationArguments(serializers.Serializer[Any]):
    """POST /api/v0/users. Roles and applications' data are not among them: registering grants nothing."""

    login = IdentifierText(Kind.USERNAME, min_length=3, max_length=64, source="username")
    password = Text(min_length=MIN_CHARACTERS, max_length=MAX_CHARACTERS)
    email = IdentifierText(Kind.EMAIL, max_length=254)
    first_name = Text(pattern=LINE, max_length=MAX_NAME_CHARACTERS, required=False)
    last_name = Text(pattern=LINE, max_length=MAX_NAME_CHARACTERS, required=False)
    second_name = Text(pattern=LINE, max_length=MAX_NAME_CHARACTERS, required=False, source="middle_name")
    birthday = ISODate(required=False, source="birthdate")


class PasswordArguments(serializers.Serializer[Any]):
    """POST /api/v0/users/change_password. An account without a password gives only the new one."""

    old_password = RawText(required=False)
    new_password = Text(min_length=MIN_CHARACTERS, max_length=MAX_CHARACTERS)


class RoleName(Text):
    """A role by its name, or an object with the key `name`."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(data.get("name") if isinstance(data, dict) else data)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if not roles.is_name(name):
            self.fail("pattern")
        return name


class RoleNames(serializers.ListField):
    """Names of roles in the order given, without repeats."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=RoleName(), max_length=MAX_ROLES, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class RolesArguments(serializers.Serializer[Any]):
    """POST and DELETE /api/v0/roles."""

    roles = RoleNames()


class UserChanges(serializers.Serializer[Any]):
    """PATCH /api/v0/users: what is absent or "" stays; null clears a name or the birthday.

    `roles` replaces all roles; `apps` replaces the data of each application it names, null removes it.
    """

    keeps_empty = True

    first_name = Text(pattern=LINE, max_length=MAX_NAME_CHARACTERS, required=False, allow_null=True)
    last_name = Text(pattern=LINE, max_length=MAX_NAME_CHARACTERS, required=False, allow_null=True)
    second_name = Text(
        pattern=LINE, max_length=MAX_NAME_CHARACTERS, required=False, allow_null=True, source="middle_name"
    )
    birthday = ISODate(required=False, allow_null=True, source="birthdate")
    roles = RoleNames(required=False, allow_null=True)
    apps = serializers.DictField(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value({name: value for name, value in data.items() if value != ""})
        names = {name: values[name] or "" for name in ("first_name", "last_name", "middle_name") if name in values}
        return {**values, **names}
