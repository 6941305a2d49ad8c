"""The provider paths' shapes: what the registration dialect sends and is answered."""

from typing import Any

from rest_framework import serializers

from accounts.passwords import MAX_CHARACTERS
from accounts.serializers.fields import Text
from oauth_providers.providers import Tokens

MAX_CODE_CHARACTERS = 2048
MAX_TOKEN_CHARACTERS = 4096


class CodeArguments(serializers.Serializer[Any]):
    """GET /{provider}/get/token."""

    code = Text(max_length=MAX_CODE_CHARACTERS)
    state = Text(max_length=MAX_CODE_CHARACTERS, required=False, default="")


class DeviceCodeArguments(CodeArguments):
    """GET /vk/get/token: a code of VK ID works only with the device it was made for."""

    device_id = Text(max_length=MAX_CODE_CHARACTERS)


class CallbackArguments(serializers.Serializer[Any]):
    """GET /{provider}/callback: what the provider appends. With an `error` there is no code."""

    state = Text(max_length=MAX_CODE_CHARACTERS)
    code = Text(max_length=MAX_CODE_CHARACTERS, required=False, default="")
    device_id = Text(max_length=MAX_CODE_CHARACTERS, required=False, default="")
    error = Text(max_length=MAX_CODE_CHARACTERS, required=False, default="")


class TokenArguments(serializers.Serializer[Any]):
    """GET and POST /{provider}/registration and /{provider}/login."""

    access_token = Text(max_length=MAX_TOKEN_CHARACTERS)


class PasswordArguments(serializers.Serializer[Any]):
    """DELETE /{provider}/link: the current password, by the dialect's name for it, or plainly `password`."""

    hash_password = Text(max_length=MAX_CHARACTERS, required=False)
    password = Text(max_length=MAX_CHARACTERS, required=False)


class LinkArguments(TokenArguments, PasswordArguments):
    """POST /{provider}/link."""


class TokensAnswer(serializers.Serializer[Any]):
    """What `get/token` answers; the last name is printed so."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField(allow_blank=True)
    expire_in = serializers.IntegerField()


class LinkedAnswer(serializers.Serializer[Any]):
    """Whether the provider opens the account now."""

    linked = serializers.BooleanField()


def tokens_answer(tokens: Tokens) -> dict[str, Any]:
    """A provider's tokens in the dialect's names."""
    return {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token, "expire_in": tokens.expires_in}


def current_password(arguments: dict[str, Any]) -> str | None:
    """The current password among `arguments`, None when it was not sent."""
    return arguments.get("hash_password", arguments.get("password"))
