"""Who may act: people, roles, applications, credentials, events; and what a dialect is."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("accounts")
    default = True

    def ready(self) -> None:
        from accounts import checks  # noqa: F401 - it registers them, which needs the models


class StaffSiteConfig(admin_apps.AdminConfig):
    """Django's admin with our site: see `accounts.staff`."""

    default = False
    default_site = "accounts.staff.StaffSite"
