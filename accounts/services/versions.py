"""When a cached account card is old: called in the transaction of every change that shows in one."""

from collections.abc import Iterable

from django.db.models import F

from accounts.models import CatalogueVersion, User


def cards_changed(users: Iterable[User | int]) -> int:
    """The cards of `users` (accounts or their ids) show something new; how many of these accounts there still are."""
    return User.objects.filter(pk__in=[user if isinstance(user, int) else user.pk for user in users]).update(
        card_version=F("card_version") + 1
    )


def catalogue_changed() -> None:
    """A role, group, permission or application changed, and with it any number of cards."""
    CatalogueVersion.objects.bump()
