"""The ledger: sign-ins, tokens of every format, signing keys; every way to get, check and end one."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TokensConfig(AppConfig):
    name = "tokens"
    verbose_name = _("tokens")

    def ready(self) -> None:
        from tokens import schema  # noqa: F401 - it registers how tokens are documented, which needs the models
