"""goncord's own rules for making and changing an account (seed 001, contract "goncord")."""

from typing import Any

from rest_framework import serializers

from accounts.identifiers import Kind
from accounts.passwords import MAX_CHARACTERS
from accounts.serializers.fields import IdentifierText, ISODate, Text

MIN_PASSWORD_CHARACTERS = 6
MAX_NAME_CHARACTERS = 256


class RegistrationArguments(serializers.Serializer[Any]):
    """POST /api/v0/users. Roles and applications' data are not among them: registering grants nothing."""

    login = IdentifierText(Kind.USERNAME, min_length=3, max_length=64, source="username")
    password = Text(min_length=MIN_PASSWORD_CHARACTERS, max_length=MAX_CHARACTERS)
    email = IdentifierText(Kind.EMAIL, max_length=254)
    first_name = Text(max_length=MAX_NAME_CHARACTERS, required=False)
    last_name = Text(max_length=MAX_NAME_CHARACTERS, required=False)
    second_name = Text(max_length=MAX_NAME_CHARACTERS, required=False, source="middle_name")
    birthday = ISODate(required=False, source="birthdate")
