"""Who may act: people, roles, applications, credentials, events; and what a dialect is."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("accounts")

    def ready(self) -> None:
        from accounts import checks  # noqa: F401 - it registers them, which needs the models
