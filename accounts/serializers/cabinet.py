"""cabinet's own rules for making an account (seeds 003 and 004)."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from accounts.identifiers import Kind
from accounts.passwords import MAX_CHARACTERS
from accounts.serializers.fields import IdentifierText, RawText, Text

BROWSER = OpenApiParameter(
    "browser", str, OpenApiParameter.HEADER, required=True, description="The browser and its version: `Firefox 132`."
)
# Ё and ё stand outside А-Я and а-я; the seed forgot them.
NAME = r"[А-ЯЁ][а-яё ]{1,255}"
LOGIN = r"[a-z0-9_]{4,32}"
PASSWORD = r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z]).{8,20}"  # noqa: S105 - a pattern, not a password
EMAIL = r"^(.+)@(.+)\.(.+)$"


class LoginText(IdentifierText):
    """A login: trimmed and lowered, then judged."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Kind.USERNAME, pattern=LOGIN, max_length=32, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data.strip().lower() if isinstance(data, str) else data)


class RegistrationArguments(serializers.Serializer[Any]):
    """POST /account/registration."""

    login = LoginText()
    password = Text(pattern=PASSWORD, max_length=MAX_CHARACTERS)
    email = IdentifierText(Kind.EMAIL, pattern=EMAIL, max_length=254)
    first_name = Text(pattern=NAME, max_length=256)
    last_name = Text(pattern=NAME, max_length=256)
    patronymic = Text(pattern=NAME, max_length=256, required=False, default="")


class LoginCheckArguments(serializers.Serializer[Any]):
    """GET /account/login/check: whatever was typed; only its absence is an error."""

    login = RawText()


class LoginCheckAnswer(serializers.Serializer[Any]):
    """Whether the login is free, in words and as a boolean."""

    message = serializers.CharField()
    is_login_available = serializers.BooleanField()


def registrable(login: str) -> bool:
    """Whether registration would accept the spelling of `login`."""
    try:
        LoginText().run_validation(login)
    except serializers.ValidationError:
        return False
    return True
