"""Mail.ru (oauth.mail.ru). Since July 2025 it takes no new integrations; those registered before go on working."""

from typing import Any

from django.views.decorators.debug import sensitive_variables
from social_core.backends.mailru import MRGOAuth2

from oauth_providers.providers.base import Provider


class MailRu(Provider, MRGOAuth2):
    """Mail.ru as the contract prints it.

    It says nowhere to which client a token was issued, so only tokens that we handed out are ever shown to it; and its
    documents know no other way to show one than the query string.
    """

    name = "mail.ru"
    ORDER = ("client_id", "response_type", "scope", "redirect_uri", "state", "prompt_force")
    SCOPE = ("userinfo",)
    # An address of mail, which social-core would take for an older spelling of a user id, identifies nobody.
    LEGACY_ID_KEYS = ()  # type: ignore[assignment]

    def auth_extra_arguments(self) -> dict[str, str]:
        return {"prompt_force": "1"}

    @sensitive_variables()
    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self.get_json(self.facts.userinfo_url, params={"access_token": access_token})
