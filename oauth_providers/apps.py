"""The outside world: VK ID, Mail.ru and Yandex."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OAuthProvidersConfig(AppConfig):
    name = "oauth_providers"
    verbose_name = _("Sign-in with other services")

    def ready(self) -> None:
        from oauth_providers import checks  # noqa: F401 - registers them
