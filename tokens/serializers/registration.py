"""What the registration dialect takes to sign in and to check its tokens, and what it answers (seed 002)."""

from typing import Any

from rest_framework import serializers

from accounts.serializers.fields import RawText
from tokens.services import refreshing

# `/validate/jwt/refresh` answers an object or a boolean, which no serializer describes.
REFRESHED = {
    "type": "object",
    "properties": {
        "access": {"type": "string"},
        "email": {"type": "string", "description": "The account's e-mail; empty for an account without one."},
    },
    "required": ["access", "email"],
}
REFUSED = {"type": "boolean", "enum": [False], "description": "Not a working refresh token."}


class EmailLoginArguments(serializers.Serializer[Any]):
    """POST /authorization/login/email."""

    email = RawText()
    hash_password = RawText()


class PhoneLoginArguments(serializers.Serializer[Any]):
    """POST /authorization/login/phone/number."""

    phone_number = RawText()
    hash_password = RawText()


class RefreshArguments(serializers.Serializer[Any]):
    """GET /validate/jwt/refresh."""

    refresh = RawText()


class AccessArguments(serializers.Serializer[Any]):
    """GET /validate/jwt/access."""

    access = RawText()


class Pair(serializers.Serializer[Any]):
    """The two tokens of a new sign-in."""

    access = serializers.CharField()
    refresh = serializers.CharField()


def pair(opened: refreshing.Pair) -> dict[str, str]:
    """The two tokens of a new sign-in, signed now."""
    return {"access": opened.access, "refresh": opened.refresh}
