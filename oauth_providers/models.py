"""Whom a provider's account belongs to, and the attempts to sign in by one."""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from social_django.storage import DjangoUserMixin

MAX_UID_CHARACTERS = 64


class ProviderKey(models.TextChoices):
    """The providers, as the first segment of their paths spells them."""

    VK = "vk", "VK ID"
    MAIL_RU = "mail.ru", "Mail.ru"
    YANDEX = "yandex", _("Yandex")


class LinkedIdentity(models.Model, DjangoUserMixin):
    """An account of ours that a provider's account opens. Identity is (provider, its user id), never an e-mail.

    It is what social-core's pipeline calls a social auth; it keeps no token of the provider's.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="identities", verbose_name=_("user")
    )
    provider = models.CharField(_("provider"), max_length=16, choices=ProviderKey)
    uid = models.CharField(_("the provider's user id"), max_length=MAX_UID_CHARACTERS)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects: ClassVar[models.Manager["LinkedIdentity"]] = models.Manager()

    class Meta:
        verbose_name = _("linked provider")
        verbose_name_plural = _("linked providers")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["provider", "uid"], name="identity_of_provider_and_uid"),
            models.UniqueConstraint(fields=["user", "provider"], name="identity_of_user_and_provider"),
            models.CheckConstraint(condition=~models.Q(uid=""), name="identity_uid_not_blank"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.uid}"

    # What social-core's pipeline asks of its storage

    @classmethod
    def user_model(cls) -> Any:
        return get_user_model()

    @classmethod
    def get_social_auth(cls, provider: str, uid: str, id_key: str | None = None) -> Self | None:
        """The identity, its account loaded. One query; none for the spellings of an older social-core (`id_key` "")."""
        if id_key == "":
            return None
        return cls.objects.select_related("user").filter(provider=provider, uid=uid).first()  # type: ignore[return-value]

    @classmethod
    def create_social_auth(cls, user: Any, uid: str, provider: str, id_key: str = "") -> Self:
        """A new identity. Raises IntegrityError, its savepoint undone, when the provider's account has an owner."""
        with transaction.atomic():
            return cls.objects.create(user=user, provider=provider, uid=uid)  # type: ignore[return-value]


class AuthorizationAttemptQuerySet(models.QuerySet["AuthorizationAttempt"]):
    """Attempts by what may still be done with them."""

    def usable(self, provider: str, *, since: datetime) -> Self:
        """The attempts with `provider` that began after `since` and are not used up, by the row's own columns."""
        return self.filter(provider=provider, used__isnull=True, started__gt=since)


class AuthorizationAttempt(models.Model):
    """One attempt to sign in by a provider, from `link` to the token we handed out.

    `started` by `link`; `arrived` when the callback took its state; `used` when its code was exchanged. Each of the
    last two is written once, by one conditional UPDATE. State, code, token and browser are digests; state and verifier,
    which the exchange needs again, are sealed (`tokens.sealing`) until then.
    """

    provider = models.CharField(_("provider"), max_length=16, choices=ProviderKey)
    # NULL: a code that a front end with a callback of its own brought without a state.
    state_digest = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    sealed = models.BinaryField(default=b"", editable=False)
    # The browser that began the attempt on a page of ours; NULL when `link` did.
    browser_digest = models.BinaryField(max_length=32, null=True, editable=False)
    code_digest = models.BinaryField(max_length=32, null=True, editable=False)
    token_digest = models.BinaryField(max_length=32, null=True, db_index=True, editable=False)
    token_user_id = models.CharField(max_length=MAX_UID_CHARACTERS, blank=True, editable=False)
    token_expires = models.DateTimeField(null=True, editable=False)
    started = models.DateTimeField(_("started"), default=timezone.now, db_index=True)
    arrived = models.DateTimeField(_("returned"), null=True)
    used = models.DateTimeField(_("used"), null=True)

    objects = AuthorizationAttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt to sign in by a provider")
        verbose_name_plural = _("attempts to sign in by a provider")
        constraints = [
            # A code belongs to one attempt: whoever brings it a second time, for whatever attempt, is refused.
            models.UniqueConstraint(fields=["provider", "code_digest"], name="attempt_of_provider_and_code")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.started:%Y-%m-%d %H:%M:%S}"
