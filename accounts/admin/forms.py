"""What the staff's forms accept: the house's rules about identifiers and passwords, and who may grant what."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, SetUnusablePasswordMixin
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import identifiers
from accounts.errors import IdentifierTaken, InvalidIdentifier, InvalidInput, PasswordRefused
from accounts.identifiers import Kind
from accounts.models import User
from accounts.services import credentials, privileges, registration
from accounts.services.registration import Candidate
from profiles.models import Profile
from profiles.serializers.cabinet import COLOUR
from profiles.services import editing


class GrantingForm(forms.ModelForm):
    """A form with roles, groups or permissions in it: what the caller does not hold it neither gives nor takes."""

    caller: User

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, things in list(cleaned.items()):
            if not isinstance(things, QuerySet) or name not in self.changed_data:
                continue
            before = set(self.initial.get(name) or ())
            changed = before.symmetric_difference(things)
            foreign = privileges.not_grantable(self.caller, things.model, changed)
            if foreign:
                text = _("You may hand out and take back only what you hold yourself: %(names)s.")
                self.add_error(name, text % {"names": ", ".join(sorted(str(thing) for thing in foreign))})
        return cleaned


class AccountForm(GrantingForm):
    """An account's identifiers, rights and memberships."""

    class Meta:
        model = User
        fields = ("username", "email", "phone", "is_active", "is_staff", "is_superuser", "roles", "groups")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for kind in Kind:
            if kind in self.changed_data and cleaned.get(kind):
                read_identifier(self, kind, cleaned[kind])
        return cleaned


class NewAccountForm(AdminUserCreationForm):
    """A new account: one identifier of each kind at most, and a password or none."""

    class Meta:
        model = User
        fields = ("username", "email", "phone")
        field_classes: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].required = False
        self.fields["username"].help_text = _("Left empty, one is generated.")

    def clean_username(self) -> str:
        # Not the parent's, which compares with ILIKE; and a username that is not given is generated.
        return self.cleaned_data["username"] or identifiers.generated_username()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for kind in Kind:
            if cleaned.get(kind):
                read_identifier(self, kind, cleaned[kind])
        return cleaned

    def validate_password_for_user(self, user: Any, **kwargs: Any) -> None:
        super().validate_password_for_user(user, **kwargs)
        accept_password(self, user)

    def candidate(self) -> Candidate:
        """The account as registration wants it, the password hashed. Call it outside any transaction."""
        wanted = {str(kind): self.cleaned_data.get(kind) for kind in Kind}
        has_password = self.cleaned_data["set_usable_password"]
        password = self.cleaned_data["password1"] if has_password else None
        return registration.candidate(**wanted, password=password, client=None)


class NewPasswordForm(AdminPasswordChangeForm):
    """A new password for somebody else, or none."""

    # Django puts its own together when it is imported, in English.
    usable_password_help_text: Any = format_lazy(
        '{help}<ul id="id_unusable_warning" class="messagelist"><li class="warning">{warning}</li></ul>',
        help=SetUnusablePasswordMixin.usable_password_help_text,
        warning=gettext_lazy("If disabled, the current password for this user will be lost."),
    )

    def validate_password_for_user(self, user: Any, **kwargs: Any) -> None:
        super().validate_password_for_user(user, **kwargs)  # type: ignore[misc]
        accept_password(self, user)


class ProfileForm(forms.ModelForm):
    """What is told about the person, by the same rules as at the other doors."""

    class Meta:
        model = Profile
        fields = ("last_name", "first_name", "middle_name", "birthdate", "description", "background_color")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "background_color" in self.fields:
            self.fields["background_color"].validators.append(RegexValidator(rf"^{COLOUR}\Z"))

    def clean_birthdate(self) -> Any:
        birthdate = self.cleaned_data["birthdate"]
        try:
            editing.check(birthdate=birthdate)
        except InvalidInput as error:
            raise forms.ValidationError(str(error.text)) from error
        return birthdate


def read_identifier(form: forms.ModelForm, kind: Kind, text: str) -> None:
    """Put the identifier as it is stored into the cleaned data, or the error beside its field."""
    try:
        identifier = identifiers.expect(kind, text)
        if registration.taken(identifier, by_another_than=form.instance):
            raise IdentifierTaken([kind])
    except (InvalidIdentifier, IdentifierTaken) as error:
        form.add_error(kind, str(error.text))
    else:
        form.cleaned_data[kind] = identifier.value


def accept_password(form: Any, user: User) -> None:
    """Refuse in `password2` what the policy does not accept."""
    password = form.cleaned_data.get("password2")
    if not password or form.has_error("password2"):
        return
    try:
        credentials.accept(password, user)
    except PasswordRefused as error:
        form.add_error("password2", [str(text) for text in error.texts])
