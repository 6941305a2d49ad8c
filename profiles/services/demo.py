"""What the accounts of `accounts.services.demo` tell about themselves."""

from collections.abc import Iterable

from accounts.models import User
from accounts.services.demo import Person
from profiles.models import Profile


def tell(made: Iterable[tuple[User, Person]]) -> None:
    """Insert the profiles of accounts that were just made."""
    Profile.objects.bulk_create(
        [
            Profile(
                user=user,
                first_name=person.first_name,
                last_name=person.last_name,
                middle_name=person.middle_name,
                birthdate=person.birthdate,
            )
            for user, person in made
        ]
    )
