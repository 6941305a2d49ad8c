"""goncord's arguments for signing in (seed 001)."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.serializers.fields import RawText


class SignInArguments(serializers.Serializer[Any]):
    """POST /api/v0/tokens: a password, and a login or an e-mail or both."""

    login = RawText(required=False)
    email = RawText(required=False)
    password = RawText()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "login" not in attrs and "email" not in attrs:
            raise serializers.ValidationError({"login": _("Give a login or an e-mail.")}, code="required")
        return attrs
