"""What a person tells about themselves, and what applications keep about them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.fields import ComputedField
from accounts.identifiers import folded
from accounts.models import Application

MAX_NAME_CHARACTERS = 256
MAX_DESCRIPTION_CHARACTERS = 1000
DEFAULT_COLOUR = "#005CC9"


def searchable(name: str) -> str:
    """`name` as it is searched for: folded, and cut, since a ligature may unfold into many letters."""
    return folded(name)[:MAX_NAME_CHARACTERS]


class Profile(models.Model):
    """What is told about one account. A missing row means the defaults; names follow the OIDC standard claims."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="profile", verbose_name=_("user")
    )
    first_name = models.CharField(_("first name"), max_length=MAX_NAME_CHARACTERS, blank=True)
    last_name = models.CharField(_("last name"), max_length=MAX_NAME_CHARACTERS, blank=True)
    middle_name = models.CharField(_("patronymic"), max_length=MAX_NAME_CHARACTERS, blank=True)
    birthdate = models.DateField(_("birthday"), null=True, blank=True)
    description = models.TextField(_("description"), max_length=MAX_DESCRIPTION_CHARACTERS, blank=True)
    background_color = models.CharField(_("background colour"), max_length=7, default=DEFAULT_COLOUR)
    avatar = models.FileField(_("avatar"), max_length=255, blank=True)
    first_name_folded = ComputedField(
        max_length=MAX_NAME_CHARACTERS, source="first_name", compute=searchable, default=""
    )
    last_name_folded = ComputedField(max_length=MAX_NAME_CHARACTERS, source="last_name", compute=searchable, default="")
    middle_name_folded = ComputedField(
        max_length=MAX_NAME_CHARACTERS, source="middle_name", compute=searchable, default=""
    )

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        indexes = [
            models.Index(fields=["first_name_folded"], opclasses=["varchar_pattern_ops"], name="profile_by_first_name"),
            models.Index(fields=["last_name_folded"], opclasses=["varchar_pattern_ops"], name="profile_by_last_name"),
            models.Index(
                fields=["middle_name_folded"], opclasses=["varchar_pattern_ops"], name="profile_by_middle_name"
            ),
            models.Index(fields=["avatar"], name="profile_by_avatar"),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.last_name, self.first_name, self.middle_name)))


class ApplicationPayload(models.Model):
    """What one application keeps about one account: a JSON object of at most 16 KiB."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="payloads", verbose_name=_("user"))
    application = models.ForeignKey(Application, models.CASCADE, related_name="payloads", verbose_name=_("application"))
    payload = models.JSONField(_("data"), default=dict)

    class Meta:
        verbose_name = _("application data")
        verbose_name_plural = _("application data")
        constraints = [models.UniqueConstraint(fields=["user", "application"], name="payload_of_user_and_application")]

    def __str__(self) -> str:
        return f"{self.application_id} {self.user_id}"
