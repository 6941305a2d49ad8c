"""Yandex ID (oauth.yandex.ru, login.yandex.ru)."""

from collections.abc import Mapping
from typing import Any

from django.views.decorators.debug import sensitive_variables
from social_core.backends.yandex import YandexOAuth2

from oauth_providers.providers.base import Provider, read_text


class Yandex(Provider, YandexOAuth2):
    """Yandex ID; its `/info` names the client a token was issued to, which no other provider does."""

    name = "yandex"
    ORDER = ("response_type", "client_id", "redirect_uri", "state")
    NAMES_CLIENT = True

    @sensitive_variables()
    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        # In the header, since Yandex's documents call the query form insecure.
        headers = {"Authorization": f"OAuth {access_token}"}
        return self.get_json(self.facts.userinfo_url, headers=headers, params={"format": "json"})

    def client_of_token(self, response: Mapping[str, Any]) -> str:
        return read_text(response.get("client_id"))

    def email_of(self, response: Mapping[str, Any]) -> str:
        return read_text(response.get("default_email"))
