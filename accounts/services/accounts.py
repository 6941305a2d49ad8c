"""What staff and operators do to an account: find, make, change and delete it. An active superuser is always left.

Each takes `actor`, who did it (`staff:7`, `command`), for the record.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import identifiers
from accounts.clients import Client, Dialect
from accounts.errors import AccountNotFound, Conflict, IdentifierTaken
from accounts.identifiers import Identifier, Kind
from accounts.models import RIGHTS_OF_A_SUPERUSER, Event, User, new_stamp
from accounts.services import credentials, events, registration
from accounts.services.registration import Candidate
from accounts.services.versions import cards_changed

BY_ID = "id/"
RIGHTS = ("is_active", "is_staff", "is_superuser")


class AmbiguousName(Conflict):
    """Digits that are the user name of one account and the id of another."""

    text = _("This is the user name of one account and the id of another: write id/… or another identifier.")


def look_up(name: str) -> User:
    """The account, active or not, with the username, e-mail, phone or id `name`; `id/7` is always the id.

    Two queries at most. Raises AccountNotFound, AmbiguousName.
    """
    # A slash is in no username.
    by_id = _with_id(name.removeprefix(BY_ID))
    by_name = None if name.startswith(BY_ID) else credentials.find(name)
    if by_id and by_name and by_id != by_name:
        raise AmbiguousName
    found = by_name or by_id
    if found is None:
        raise AccountNotFound
    return found


def create(
    candidate: Candidate,
    *,
    is_staff: bool = False,
    is_superuser: bool = False,
    client: Client | None = None,
    actor: str,
) -> User:
    """A new account, with rights in the admin if wanted. Raises IdentifierTaken."""
    with transaction.atomic():
        user = registration.register(candidate, dialect=Dialect.SITE, client=client or Client(), actor=actor)
        edit(user, client=client, actor=actor, is_staff=is_staff, is_superuser=is_superuser)
    return user


def edit(user: User, *, client: Client | None = None, actor: str, **changes: Any) -> set[str]:
    """Change identifiers and rights of `user`, and tell which of `changes` were any.

    `username`, `email`, `phone`: texts, None for no e-mail and no phone; `is_active`, `is_staff`, `is_superuser`.
    Who is deactivated is signed in nowhere afterwards, also when activated again.
    Raises InvalidIdentifier, IdentifierTaken, LastSuperuser, AccountNotFound.
    """
    given = {kind: changes.pop(kind) or "" for kind in Kind if kind in changes}
    # No e-mail and no phone is NULL; an account without a username there is not.
    wanted = {kind: identifiers.expect(kind, text) for kind, text in given.items() if text or kind == Kind.USERNAME}
    values = {**changes, **{str(kind): wanted[kind].value if kind in wanted else None for kind in given}}
    try:
        with transaction.atomic():
            changed = _edit(user.pk, values, client=client, actor=actor)
    except IntegrityError:
        _refuse_taken(user, wanted)
        raise
    user.refresh_from_db(fields=[*changed, "credentials_stamp", "card_version"])
    return changed


def deactivate(user: User, *, client: Client | None = None, actor: str) -> bool:
    """End every sign-in of `user` and let it in nowhere; whether it was active. Raises LastSuperuser."""
    return bool(edit(user, client=client, actor=actor, is_active=False))


def activate(user: User, *, client: Client | None = None, actor: str) -> bool:
    """Let `user` sign in again, with the secret it had; whether it was inactive."""
    return bool(edit(user, client=client, actor=actor, is_active=True))


def require_new_password(user: User, *, client: Client | None = None, actor: str) -> None:
    """Forget the password of `user` and end every sign-in: only a provider opens the account until it gets another.

    Raises LastSuperuser: nobody could give that one a password from the admin.
    """
    rows = User.objects.filter(pk=user.pk)
    encoded, stamp = make_password(None), new_stamp()
    with transaction.atomic():
        rows.spare_a_superuser()
        rows.update(password=encoded, credentials_stamp=stamp)
        events.record(Event.Kind.PASSWORD_CHANGED, user, client=client, actor=actor, change="new password required")
    user.password, user.credentials_stamp = encoded, stamp


def set_groups(user: User, groups: Iterable[Group], *, client: Client | None = None, actor: str) -> bool:
    """Let `user` be in `groups` and no others; whether that changed anything."""
    return _set(user, "groups", groups, client=client, actor=actor)


def set_permissions(user: User, permissions: Iterable[Permission], *, client: Client | None = None, actor: str) -> bool:
    """Let `user` hold `permissions` of its own and no others; whether that changed anything."""
    return _set(user, "user_permissions", permissions, client=client, actor=actor)


def delete(user: User, *, client: Client | None = None, actor: str) -> None:
    """Delete `user` with its sign-ins, profile and data; its username stays taken for good. Raises LastSuperuser."""
    with transaction.atomic():
        events.record(
            Event.Kind.ACCOUNT_CHANGED, user, client=client, actor=actor, change="deleted", username=user.username
        )
        user.delete()


def _with_id(text: str) -> User | None:
    number = identifiers.account_id(text)
    return User.objects.filter(pk=number).first() if number else None


def _edit(pk: int, values: dict[str, Any], *, client: Client | None, actor: str) -> set[str]:
    if any(values.get(name) is False for name in RIGHTS_OF_A_SUPERUSER):
        # First of all, so that the superusers' rows are always locked before any other.
        User.objects.filter(pk=pk).spare_a_superuser()
    user = User.objects.filter(pk=pk).first()
    if user is None:
        raise AccountNotFound
    changed = {name for name, value in values.items() if getattr(user, name) != value}
    if not changed:
        return changed
    for name in changed:
        setattr(user, name, values[name])
    columns = set(changed)
    if "is_active" in changed and not user.is_active:
        user.credentials_stamp = new_stamp()
        columns.add("credentials_stamp")
    user.save(update_fields=columns)
    cards_changed([pk])
    facts = {name: values[name] for name in RIGHTS if name in changed}
    events.record(Event.Kind.ACCOUNT_CHANGED, user, client=client, actor=actor, changed=sorted(changed), **facts)
    return changed


def _refuse_taken(user: User, wanted: dict[Kind, Identifier]) -> None:
    taken = [kind for kind, identifier in wanted.items() if registration.taken(identifier, by_another_than=user)]
    if taken:
        raise IdentifierTaken(taken)


def _set(user: User, name: str, wanted: Iterable[Any], *, client: Client | None, actor: str) -> bool:
    things = {thing.pk: str(thing) for thing in wanted}
    manager = getattr(user, name)
    with transaction.atomic():
        # The UPDATE locks the account's row: of two at once the later one wins whole.
        cards_changed([user])
        held = {thing.pk: str(thing) for thing in manager.all()}
        added, removed = things.keys() - held.keys(), held.keys() - things.keys()
        if not added and not removed:
            return False
        manager.add(*added)
        manager.remove(*removed)
        events.record(
            Event.Kind.ACCOUNT_CHANGED,
            user,
            client=client,
            actor=actor,
            changed=[name],
            added=sorted(things[pk] for pk in added),
            removed=sorted(held[pk] for pk in removed),
        )
    return True
