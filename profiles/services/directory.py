"""The directory of active accounts: pages by keyset, so that the last page costs what the first does."""

from collections.abc import Iterator
from functools import reduce
from operator import and_

from django.db.models import Q, QuerySet

from accounts import identifiers
from accounts.errors import AccountNotFound, InvalidIdentifier
from accounts.identifiers import Kind
from accounts.models import User
from profiles.models import Profile
from profiles.services.cards import Entry, entries

PAGE = 1000
# What is shown first is loaded first.
FIRST_PAGE = 100
# A name, a surname and a patronymic, one of them of two words; of a longer text only the whole is looked for.
MAX_WORDS = 4


def page(*, after: int = 0, limit: int = PAGE, beginning: str = "") -> list[Entry]:
    """At most `limit` entries with ids above `after`, by id. Two queries.

    `beginning` leaves those whose login or name begins so, without regard to case; or, of several words, those
    with a name that begins with each.
    """
    found = _listed().filter(pk__gt=after)
    if text := " ".join(identifiers.folded(beginning).split()):
        found = found.filter(pk__in=_begins_with(text))
    return entries(found.order_by("pk")[:limit])


def pages(*, after: int = 0, beginning: str = "") -> Iterator[list[Entry]]:
    """Every entry that `page` would give, a hundred and then a thousand at a time: two queries for each."""
    limit = FIRST_PAGE
    while batch := page(after=after, limit=limit, beginning=beginning):
        yield batch
        after, limit = batch[-1].id, PAGE


def look_up(name: str) -> Entry:
    """The entry of the account with the id, else the username, `name`. Two queries. Raises AccountNotFound."""
    number = identifiers.account_id(name)
    wanted = Q(pk=number) if number else Q()
    try:
        wanted |= Q(username_canonical=identifiers.canonical(Kind.USERNAME, name))
    except InvalidIdentifier:
        if not wanted:
            raise AccountNotFound from None
    found = entries(_listed().filter(wanted).order_by("pk"))
    if not found:
        raise AccountNotFound
    return min(found, key=lambda entry: entry.id != number)


def _listed() -> QuerySet[User]:
    return User.objects.filter(is_active=True)


def _begins_with(text: str) -> QuerySet[User, tuple[int]]:
    """The ids of those who are called so: two searches by index, since an OR over two tables has none."""
    words = text.split()
    names = _a_name_begins_with(text)
    if 1 < len(words) <= MAX_WORDS:
        names |= reduce(and_, map(_a_name_begins_with, words))
    logins = User.objects.filter(username_canonical__begins_with=text).order_by().values_list("pk")
    return logins.union(Profile.objects.filter(names).values_list("pk"))


def _a_name_begins_with(text: str) -> Q:
    return (
        Q(first_name_folded__begins_with=text)
        | Q(last_name_folded__begins_with=text)
        | Q(middle_name_folded__begins_with=text)
    )
