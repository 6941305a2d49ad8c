"""gigachat's arguments and answers about tokens (seed 000)."""

import re
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from accounts.clients import MAX_AGENT_CHARACTERS
from accounts.serializers.fields import RawText, Text
from tokens.models import SignIn

DATE = "%Y-%m-%d-%H:%M:%S"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}:[0-9]{2}:[0-9]{2}")


class AuthArguments(serializers.Serializer[Any]):
    """/auth: any identifier and the password."""

    keeps_empty = True

    username = RawText(help_text="User name, e-mail or phone in any spelling.")
    password = RawText()


class NameOrNumber(RawText):
    """What names an account; JSON may write its id as a number."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(str(data) if type(data) is int else data)


class ControlArguments(serializers.Serializer[Any]):
    """/control/tokens*: an account and what proves it; the token may come as `Authorization: Bearer`."""

    keeps_empty = True

    id = NameOrNumber(help_text="User name, e-mail, phone in any spelling, or the account's id.")
    token = RawText()


class SecondText(Text):
    """`2024-03-07-23:32:53`, UTC, written exactly so; becomes an aware datetime."""

    default_error_messages = {"date": _("Write the date as YYYY-MM-DD-HH:MM:SS.")}

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            if not _DATE.fullmatch(text):
                raise ValueError
            return datetime.strptime(text, DATE).replace(tzinfo=UTC)
        except ValueError:
            self.fail("date")

    def run_validators(self, value: Any) -> None:
        return None


class RevocationArguments(serializers.Serializer[Any]):
    """DELETE /control/tokens: which of them; without either all."""

    keeps_empty = True

    agent = Text(
        max_length=MAX_AGENT_CHARACTERS, required=False, default="", help_text="A part of the agent, in any case."
    )
    started = SecondText(
        source="started_before", required=False, help_text="Those that began before `YYYY-MM-DD-HH:MM:SS`, UTC."
    )


class Listed(serializers.Serializer[Any]):
    """One working sign-in, of any dialect."""

    id = serializers.IntegerField()
    dialect = serializers.CharField()
    agent = serializers.CharField()
    started = serializers.CharField(help_text="`2024-03-07-23:32:53`, UTC.")
    last_used = serializers.CharField()
    expires = serializers.CharField()
    current = serializers.BooleanField(help_text="The sign-in of the token presented.")


_STATUS = serializers.CharField(help_text="`Done`")
Authorized = inline_serializer(
    "GigachatAuthorized",
    {
        "status": _STATUS,
        "data": inline_serializer(
            "GigachatGrant",
            {"id": serializers.IntegerField(help_text="The account's id."), "token": serializers.CharField()},
        ),
    },
)
Verified = inline_serializer("GigachatVerified", {"status": _STATUS, "data": serializers.BooleanField()})
List = inline_serializer(
    "GigachatList", {"status": _STATUS, "count": serializers.IntegerField(), "data": Listed(many=True)}
)
Revoked = inline_serializer("GigachatRevoked", {"status": _STATUS, "count": serializers.IntegerField()})


def listed(sign_in: SignIn, *, is_current: bool) -> dict[str, Any]:
    """A sign-in as the list shows it; nothing in it opens a door."""
    return {
        "id": sign_in.pk,
        "dialect": sign_in.dialect,
        "agent": sign_in.agent,
        "started": sign_in.started.strftime(DATE),
        "last_used": sign_in.last_used.strftime(DATE),
        "expires": sign_in.expires.strftime(DATE),
        "current": is_current,
    }
