"""What is told about a person: names, avatar, directory, data kept for applications."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProfilesConfig(AppConfig):
    name = "profiles"
    verbose_name = _("profiles")

    def ready(self) -> None:
        from profiles import checks  # noqa: F401 - registers them
