"""Changing what is told about a person."""

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import texts
from accounts.errors import InvalidInput, TokenNotWorking
from accounts.fields import computed
from accounts.models import User
from accounts.services.versions import cards_changed
from profiles.models import MAX_NAME_CHARACTERS, Profile

NAMES = ("first_name", "last_name", "middle_name")
EARLIEST_BIRTHDATE = date(1900, 1, 1)


def edit(user: User, **changes: Any) -> Profile:
    """Store `changes` (stored names and values) in the profile of `user`; return it as it then is.

    Only the named columns are written, so that two edits of different fields at once both hold.
    Raises InvalidInput for a birthdate before 1900 or after today and for a name that is no line; TokenNotWorking when
    the account is gone.
    """
    check(**changes)
    with transaction.atomic():
        if changes:
            # First, and so also the lock under which two who make the missing row wait for each other.
            if not cards_changed([user]):
                raise TokenNotWorking
            changes |= computed(Profile, changes)
            rows = Profile.objects.filter(user=user)
            if not rows.update(**changes):
                Profile.objects.bulk_create([Profile(user_id=user.pk)], ignore_conflicts=True)
                rows.update(**changes)
        return of(user)


def check(**changes: Any) -> None:
    """Refuse what `edit` would not store. Raises InvalidInput."""
    birthdate = changes.get("birthdate")
    if birthdate is not None and not EARLIEST_BIRTHDATE <= birthdate <= timezone.now().date():
        raise InvalidInput("birthdate", _("A birthday is between 1900-01-01 and today."))
    for name in NAMES:
        text = changes.get(name) or ""
        if len(text) > MAX_NAME_CHARACTERS or not texts.is_line(text):
            raise InvalidInput(name, _("A name is one line of 256 characters at most, without control characters."))


def of(user: User) -> Profile:
    """The profile of `user`; the defaults where nothing was ever stored."""
    return Profile.objects.filter(user=user).first() or Profile(user_id=user.pk)
