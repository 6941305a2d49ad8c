"""People, the names they have taken, roles, applications, events, and what was counted against whom."""

import secrets
from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Permission, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts import identifiers, passwords
from accounts.clients import MAX_AGENT_CHARACTERS, Dialect
from accounts.errors import InvalidIdentifier, LastSuperuser
from accounts.fields import ComputedField
from accounts.identifiers import Kind

# An account that loses one of these is a superuser no longer, or one that the admin does not let in.
RIGHTS_OF_A_SUPERUSER = ("is_active", "is_staff", "is_superuser")


def new_stamp() -> str:
    """128 random bits as hexadecimal text."""
    return secrets.token_hex(16)


class Role(models.Model):
    """A role: a name the sites agree on, with the permissions it carries for them. It gives no right in the admin."""

    name = models.CharField(_("name"), max_length=150, unique=True)
    permissions = models.ManyToManyField(Permission, blank=True, related_name="roles", verbose_name=_("permissions"))

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class UserQuerySet(models.QuerySet["User"]):
    """Accounts, and the rule that an active superuser is always left, whatever changes or deletes them."""

    def superusers(self) -> Self:
        """The accounts with every right that the admin lets in; it takes nothing but a password."""
        able = self.filter(is_superuser=True, is_staff=True, is_active=True)
        return able.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)

    def update(self, **changes: Any) -> int:
        """As ever. Raises LastSuperuser when no active superuser would be left."""
        if all(changes.get(name, True) is True for name in RIGHTS_OF_A_SUPERUSER):
            return super().update(**changes)
        with transaction.atomic():
            self.spare_a_superuser()
            return super().update(**changes)

    def delete(self) -> tuple[int, dict[str, int]]:
        """As ever. Raises LastSuperuser when no active superuser would be left."""
        with transaction.atomic():
            self.spare_a_superuser()
            return super().delete()

    # As on the methods overridden: templates may not call them, and a manager has no `delete`.
    update.alters_data = delete.alters_data = delete.queryset_only = True  # type: ignore[attr-defined]

    def spare_a_superuser(self) -> None:
        """Make sure that an active superuser is left without these accounts, until the transaction ends.

        Every superuser's row is locked, in one order: of two transactions that would each remove one of the last two,
        the second waits and then counts anew. (On SQLite the transaction itself has locked everything.)
        Raises LastSuperuser.
        """
        present = User.objects.superusers().order_by("pk").select_for_update(no_key=True)
        left = set(present.values_list("pk", flat=True))
        lost = set(self.order_by().filter(pk__in=left).values_list("pk", flat=True))
        if lost and lost == left:
            raise LastSuperuser


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Makes accounts for Django's own commands; the doors go through `accounts.services.registration`."""

    def create_user(self, username: str | None = None, password: str | None = None, **fields: Any) -> "User":
        """A saved account; without a username it gets a generated one. Raises ValidationError."""
        user = self.model(username=username or identifiers.generated_username(), **fields)
        user.set_password(password)
        try:
            user.save(using=self._db)
        except InvalidIdentifier as error:
            raise ValidationError(str(error.text)) from error
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """A saved account with every right."""
        return self.create_user(username, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username_canonical=identifiers.folded(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """An account. What is told about the person lives in `profiles`.

    `credentials_stamp` changes with the password: a sign-in that carries another stamp is over.
    `card_version` changes with anything an account card shows (`accounts.services.versions`).
    """

    username = models.CharField(_("user name"), max_length=identifiers.MAX_USERNAME_CHARACTERS, unique=True)
    username_canonical = ComputedField(
        max_length=255, unique=True, source="username", compute=lambda text: identifiers.canonical(Kind.USERNAME, text)
    )
    email = models.CharField(_("e-mail"), max_length=identifiers.MAX_CHARACTERS, null=True, blank=True)  # noqa: DJ001
    email_canonical = ComputedField(
        max_length=identifiers.MAX_CHARACTERS,
        null=True,
        unique=True,
        source="email",
        compute=lambda text: identifiers.canonical(Kind.EMAIL, text),
    )
    phone = models.CharField(_("phone"), max_length=32, null=True, blank=True, unique=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    credentials_stamp = models.CharField(max_length=32, default=new_stamp, editable=False)
    card_version = models.PositiveBigIntegerField(default=0, editable=False)
    roles = models.ManyToManyField(Role, blank=True, related_name="members", verbose_name=_("roles"))

    objects: ClassVar[UserManager] = UserManager()
    _claimed: str | None = None

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            # An absent identifier is NULL, never '': two empty strings would be one identifier.
            models.CheckConstraint(condition=~models.Q(username=""), name="user_username_not_blank"),
            models.CheckConstraint(condition=~models.Q(email=""), name="user_email_not_blank"),
            models.CheckConstraint(condition=~models.Q(phone=""), name="user_phone_not_blank"),
        ]

    def __str__(self) -> str:
        return self.username

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any, **kwargs: Any) -> "User":
        user = super().from_db(db, field_names, values, **kwargs)
        user._claimed = user.__dict__.get("username_canonical")
        return user

    def clean(self) -> None:
        # Not the parent's: it would lower the domain by a rule of its own. Forms send '' for what is not given.
        self.email, self.phone = self.email or None, self.phone or None

    def set_password(self, raw_password: str | None) -> None:
        self.password = make_password(None) if raw_password is None else passwords.hashed(raw_password)
        self.credentials_stamp = new_stamp()

    def check_password(self, raw_password: str | None) -> bool:
        # Without Django's upgrade in passing: `accounts.services.credentials` upgrades in one conditional statement.
        if raw_password is None:
            return False
        return passwords.evaluable(raw_password) and passwords.matches(raw_password, self.password)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and take the username for good in the same transaction. Raises IntegrityError when it is taken."""
        is_new = self._state.adding
        if (names := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {
                *names,
                *(f"{name}_canonical" for name in ("username", "email") if name in names),
            }
        with transaction.atomic():
            self._spare_a_superuser(kwargs.get("update_fields"))
            super().save(*args, **kwargs)
            if self.username_canonical != self._claimed:
                UsernameClaim.objects.take(self, is_new=is_new)
                self._claimed = self.username_canonical

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """As ever. Raises LastSuperuser when no active superuser would be left."""
        with transaction.atomic():
            User.objects.filter(pk=self.pk).spare_a_superuser()
            return super().delete(*args, **kwargs)

    def _spare_a_superuser(self, update_fields: Iterable[str] | None) -> None:
        written = set(RIGHTS_OF_A_SUPERUSER if update_fields is None else update_fields)
        withdrawn = [name for name in RIGHTS_OF_A_SUPERUSER if not getattr(self, name)]
        if not self._state.adding and written.intersection(withdrawn):
            User.objects.filter(pk=self.pk).spare_a_superuser()

    def get_session_auth_hash(self) -> str:
        # By the stamp, not by the hash: an upgraded hash ends no session, a changed password ends them all.
        return self._stamp_digest(None)

    def get_session_auth_fallback_hash(self) -> Iterable[str]:
        return (self._stamp_digest(secret) for secret in settings.SECRET_KEY_FALLBACKS)

    def _stamp_digest(self, secret: str | None) -> str:
        salt = "accounts.models.User.get_session_auth_hash"
        return salted_hmac(salt, self.credentials_stamp, secret=secret, algorithm="sha256").hexdigest()


class UsernameClaimManager(models.Manager["UsernameClaim"]):
    """Takes usernames."""

    def take(self, user: User, *, is_new: bool) -> None:
        """Record that `user` has taken its username. Raises IntegrityError when another account has, or had."""
        # A renamed account may return to a name of its own.
        if is_new or not self.filter(canonical=user.username_canonical, user=user).exists():
            self.create(canonical=user.username_canonical, user=user)


class UsernameClaim(models.Model):
    """A username once taken. The row outlives a rename and the account itself: it is the tombstone."""

    canonical = models.CharField(max_length=255, unique=True)
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="claims")

    objects = UsernameClaimManager()

    class Meta:
        verbose_name = _("taken user name")
        verbose_name_plural = _("taken user names")

    def __str__(self) -> str:
        return self.canonical


class Application(models.Model):
    """A site that shares our accounts, and the holder of an `x-app-token`, kept as a digest only.

    The token before the last rotation works until it is dropped: both are valid while the site is redeployed.
    """

    url = models.URLField(_("address"), max_length=255, unique=True)
    name = models.CharField(_("name"), max_length=150)
    is_super = models.BooleanField(_("super"), default=False, help_text=_("May change accounts and roles."))
    is_active = models.BooleanField(_("active"), default=True)
    roles = models.ManyToManyField(Role, blank=True, related_name="applications", verbose_name=_("roles"))
    token_digest = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    previous_token_digest = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_used = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        ordering = ("url",)

    def __str__(self) -> str:
        return self.name


class CatalogueVersionManager(models.Manager["CatalogueVersion"]):
    """Counts the changes."""

    def bump(self) -> None:
        """Make every cached card old: something that any card may show has changed."""
        changed = {"version": models.F("version") + 1}
        if not self.filter(pk=1).update(**changed):
            self.bulk_create([self.model(pk=1)], ignore_conflicts=True)
            self.filter(pk=1).update(**changed)

    def current(self) -> Coalesce:
        """The version as an expression, for the statement that decides about a token."""
        return Coalesce(models.Subquery(self.filter(pk=1).values("version")), 0)


class CatalogueVersion(models.Model):
    """One row: how often the catalogue of roles, groups, permissions and applications has changed."""

    version = models.PositiveBigIntegerField(default=0)

    objects = CatalogueVersionManager()

    def __str__(self) -> str:
        return str(self.version)


class Event(models.Model):
    """Something that happened to an account or by one; written once, never changed, never with a secret."""

    class Kind(models.TextChoices):
        REGISTERED = "registered", _("account registered")
        SIGNED_IN = "signed_in", _("signed in")
        SIGN_IN_REFUSED = "sign_in_refused", _("sign-in refused")
        SIGN_IN_ENDED = "sign_in_ended", _("sign-ins ended")
        TOKEN_ISSUED = "token_issued", _("token issued")
        PASSWORD_CHANGED = "password_changed", _("password changed")
        ROLES_CHANGED = "roles_changed", _("roles changed")
        APPLICATION_USED = "application_used", _("application used")
        APPLICATION_CHANGED = "application_changed", _("application changed")
        IDENTITY_LINKED = "identity_linked", _("provider linked")
        IDENTITY_UNLINKED = "identity_unlinked", _("provider unlinked")
        ACCOUNT_CHANGED = "account_changed", _("account changed")
        CATALOGUE_CHANGED = "catalogue_changed", _("roles, groups or permissions changed")
        KEY_ROTATED = "key_rotated", _("signing key rotated")
        THROTTLED = "throttled", _("held back")

    time = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    kind = models.CharField(_("kind"), max_length=32, choices=Kind)
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="events", verbose_name=_("user"))
    # A copy that stays when the account is deleted.
    user_ref = models.BigIntegerField(_("account id"), null=True, db_index=True)
    dialect = models.CharField(_("dialect"), max_length=16, choices=Dialect, blank=True)
    ip = models.GenericIPAddressField(_("IP address"), null=True)
    agent = models.CharField(_("agent"), max_length=MAX_AGENT_CHARACTERS, blank=True)
    succeeded = models.BooleanField(_("succeeded"), default=True)
    actor = models.CharField(_("actor"), max_length=100, blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        verbose_name = _("security event")
        verbose_name_plural = _("security events")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.time:%Y-%m-%d %H:%M:%S} {self.kind}"


class AttemptCounter(models.Model):
    """What was counted against one account, one address or everybody (`accounts.services.counters` reads the columns).

    `key` names nobody: it is a scope and a keyed digest. `until` is in milliseconds since 1970.
    """

    key = models.CharField(max_length=100, primary_key=True)
    count = models.PositiveBigIntegerField(default=0)
    until = models.BigIntegerField(default=0, db_index=True)

    def __str__(self) -> str:
        return self.key
