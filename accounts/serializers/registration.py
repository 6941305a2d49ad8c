"""registration's own rules for making an account (seed 002)."""

from typing import Any

from rest_framework import serializers

from accounts import passwords
from accounts.identifiers import MAX_CHARACTERS, Kind
from accounts.serializers.fields import IdentifierText, Text


class RegistrationArguments(serializers.Serializer[Any]):
    """POST /authorization/registration. Whatever the client hashed, `hash_password` is a password to this server."""

    phone_number = IdentifierText(Kind.PHONE, max_length=MAX_CHARACTERS)
    email = IdentifierText(Kind.EMAIL, max_length=MAX_CHARACTERS)
    hash_password = Text(min_length=passwords.MIN_CHARACTERS, max_length=passwords.MAX_CHARACTERS)
