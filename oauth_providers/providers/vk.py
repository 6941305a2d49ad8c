"""VK ID (id.vk.com): OAuth 2.1 with PKCE and codes bound to a device."""

from collections.abc import Mapping
from typing import Any

from social_core.backends.vk import VKIDOAuth2

from oauth_providers.providers.base import Provider, read_user_id


class VK(Provider, VKIDOAuth2):
    """VK ID as its documents print it: `s256` in small letters, the verifier and `device_id` at the exchange.

    `user_info` is asked with our client id, so VK itself refuses a token of another application (security.md S38 asks
    for a check on the server's side); tokens we did not hand out are refused before that.
    """

    name = "vk"
    ORDER = ("response_type", "client_id", "scope", "redirect_uri", "state", "code_challenge", "code_challenge_method")
    SCOPE = ("email",)

    @property
    def USER_INFO_URL(self) -> str:  # type: ignore[override]  # noqa: N802 - social-core's name
        return self.facts.userinfo_url

    def auth_params(self, state: str | None = None) -> dict[str, str]:
        return {**super().auth_params(state), "code_challenge_method": "s256"}

    def _validate_token_response(self, response: Any, state: str, **options: Any) -> None:
        # VK echoes the state; an answer without it is as good as RFC 6749's, one with another state is refused.
        echoed = {"state": state, **response} if isinstance(response, dict) else response
        super()._validate_token_response(echoed, state, **options)

    def user_id_of_tokens(self, response: Mapping[str, Any]) -> str:
        return read_user_id(response["user_id"]) if response.get("user_id") is not None else ""

    def get_user_details(self, response: Mapping[str, Any]) -> dict[str, str]:
        return Provider.get_user_details(self, response)
