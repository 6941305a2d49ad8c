"""The ledger of sign-ins, and the keys that sign tokens."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.clients import MAX_AGENT_CHARACTERS, Dialect
from accounts.fields import ComputedField
from accounts.models import User


class SignInQuerySet(models.QuerySet["SignIn"]):
    """Which sign-ins may act."""

    def working(self, at: datetime | models.Expression | None = None) -> Self:
        """The sign-ins that may act now, or at a moment: this one condition decides about every token of every dialect.

        For reading only. An UPDATE filtered through a join becomes a subquery, and several racers could then win.
        """
        return self.unended(at).filter(user__is_active=True, stamp=models.F("user__credentials_stamp"))

    def working_of(self, user: User) -> Self:
        """The working sign-ins of `user`, an active account just loaded.

        By the row's own columns alone, with the stamp that `user` was loaded with: fit for an UPDATE.
        """
        return self.unended().filter(user=user, stamp=user.credentials_stamp)

    def unended(self, at: datetime | models.Expression | None = None) -> Self:
        """Neither revoked nor expired, by the row's own columns, nor ended with everybody's."""
        closed = LedgerClosing.objects.upto()
        return self.filter(revoked__isnull=True, expires__gt=at or timezone.now(), pk__gt=closed)


class LedgerClosingManager(models.Manager["LedgerClosing"]):
    """Closes the ledger up to a row."""

    def close(self, upto: int) -> None:
        """End every sign-in with an id up to `upto`; what was closed stays closed."""
        self.bulk_create([self.model(pk=1)], ignore_conflicts=True)
        self.filter(pk=1, upto__lt=upto).update(upto=upto)

    def upto(self) -> Coalesce:
        """The last id that is over, as an expression: one row that no sign-in is joined to."""
        return Coalesce(models.Subquery(self.filter(pk=1).values("upto")), models.Value(0))


class LedgerClosing(models.Model):
    """One row: the sign-ins with an id up to `upto` are over, whatever their own rows say.

    Ending a million sign-ins is one statement then, and in force with the next request.
    """

    upto = models.BigIntegerField(default=0)

    objects = LedgerClosingManager()

    def __str__(self) -> str:
        return str(self.upto)


class SignIn(models.Model):
    """One sign-in, in any dialect; every token that came of it leads here.

    `stamp` is the account's credentials stamp when the secret was checked: a later change of password ends the row.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="sign_ins", verbose_name=_("user"))
    dialect = models.CharField(_("dialect"), max_length=16, choices=Dialect)
    # SHA-256 of an opaque token; a JWT needs none, it names the row.
    digest = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    agent = models.CharField(_("agent"), max_length=MAX_AGENT_CHARACTERS, blank=True)
    agent_folded = ComputedField(max_length=3 * MAX_AGENT_CHARACTERS, source="agent", compute=str.casefold)
    ip = models.GenericIPAddressField(_("IP address"), null=True)
    started = models.DateTimeField(_("started"), default=timezone.now)
    last_used = models.DateTimeField(_("last used"))
    expires = models.DateTimeField(_("expires"), db_index=True)
    revoked = models.DateTimeField(_("revoked"), null=True)
    stamp = models.CharField(max_length=32, editable=False)

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.dialect} {self.started:%Y-%m-%d %H:%M:%S}"


class SigningKey(models.Model):
    """A key that signs one type of token, sealed (`tokens.sealing`), so that a leaked dump forges nothing.

    The key of the highest generation whose `current_from` has come signs; every one verifies until `retire_after`.
    """

    token_type = models.CharField(_("token type"), max_length=32)
    generation = models.PositiveIntegerField(_("generation"), default=1)
    algorithm = models.CharField(_("algorithm"), max_length=16)
    sealed_secret = models.BinaryField(editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    current_from = models.DateTimeField(_("signs from"), default=timezone.now)
    retire_after = models.DateTimeField(_("verifies until"), null=True, blank=True)

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        ordering = ("token_type", "-generation")
        # Two workers that need the first key at once make one.
        constraints = [models.UniqueConstraint(fields=["token_type", "generation"], name="signing_key_generation")]

    def __str__(self) -> str:
        return f"{self.token_type} {self.generation}"

    def verifies(self, now: datetime) -> bool:
        """Whether the key still vouches for tokens at `now`."""
        return self.retire_after is None or self.retire_after > now
