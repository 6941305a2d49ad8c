"""cabinet's arguments for signing in."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.serializers.fields import RawText


class LoginArguments(serializers.Serializer[Any]):
    """POST /account/login: a password, and a login or an e-mail or both."""

    password = RawText()
    login = RawText(required=False)
    email = RawText(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "login" not in attrs and "email" not in attrs:
            raise serializers.ValidationError({"login": _("Give a login or an e-mail.")}, code="required")
        return attrs
