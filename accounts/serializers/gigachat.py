"""gigachat's own rules for making an account (seed 000), and what it answers."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from accounts import identifiers
from accounts.errors import InvalidIdentifier, PasswordRefused
from accounts.identifiers import Kind
from accounts.models import User
from accounts.passwords import MAX_CHARACTERS, MIN_CHARACTERS
from accounts.serializers.fields import IdentifierText, Text
from accounts.services import credentials

USERNAME = r"[A-Za-z0-9\-_.<>{}!]{4,64}"


class ContactText(Text):
    """An e-mail or a phone in any spelling."""

    default_error_messages = {"contact": _("Give an e-mail address or a phone number.")}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            kind = identifiers.parse(text).kind
        except InvalidIdentifier:
            self.fail("contact")
        if kind == Kind.USERNAME:
            self.fail("contact")
        return text


@extend_schema_field({"oneOf": [{"type": "boolean"}, {"type": "string"}]})
class Switch(serializers.Field[bool, Any, bool, Any]):
    """true unless it is the string `false`; a JSON boolean is itself (seed 000)."""

    default_error_messages = {"invalid": _("Give true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, bool):
            return data
        if not isinstance(data, str):
            self.fail("invalid")
        return data != "false"


class RegisterArguments(serializers.Serializer[Any]):
    """GET /register; the order is that in which the refusals are told."""

    keeps_empty = True

    username = IdentifierText(Kind.USERNAME, pattern=USERNAME, max_length=64)
    password = Text(min_length=MIN_CHARACTERS, max_length=MAX_CHARACTERS)
    contact = ContactText(max_length=identifiers.MAX_CHARACTERS)

    def validate_password(self, password: str) -> str:
        # The operator's policy speaks here already: a refused password is told before a bad contact.
        given = self.initial_data
        try:
            credentials.accept(password, User(username=given.get("username"), email=given.get("contact")))
        except PasswordRefused as error:
            raise serializers.ValidationError([str(text) for text in error.texts]) from error
        return password

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        contact = attrs.pop("contact")
        return {**attrs, identifiers.kind(contact).value: contact}


class RegisterForm(RegisterArguments):
    """POST /register: whether a token is wanted, too."""

    create_token = Switch(default=False)


Registered = inline_serializer(
    "GigachatRegistered",
    {
        "status": serializers.CharField(help_text="`Done`"),
        "data": inline_serializer(
            "GigachatFirstGrant",
            {"id": serializers.IntegerField(help_text="The account's id."), "token": serializers.CharField()},
            required=False,
            help_text="Absent when no token was asked for.",
        ),
        "user-data": inline_serializer(
            "GigachatUser", {"id": serializers.IntegerField(), "name": serializers.CharField()}
        ),
    },
)


def registered(user: User, token: str | None) -> dict[str, Any]:
    """What `/register` answers; without a token no `data`."""
    data = {} if token is None else {"data": {"id": user.pk, "token": token}}
    return {"status": "Done", **data, "user-data": {"id": user.pk, "name": user.username}}
