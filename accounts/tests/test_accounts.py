"""What staff and operators do to an account, and the superuser who is always left."""

import pytest
from django.contrib.auth.models import Group, Permission

from accounts.clients import Client
from accounts.errors import AccountNotFound, IdentifierTaken, InvalidIdentifier, LastSuperuser
from accounts.models import Event, User, UsernameClaim
from accounts.services import accounts, credentials
from accounts.services.accounts import AmbiguousName
from accounts.tests.factories import PASSWORD, make_user
from authsite.tests.races import race

pytestmark = pytest.mark.django_db
BY = "staff:1"
FROM = Client(ip="192.0.2.9", agent="Staff 1.0")


def superuser(username):
    user = make_user(username)
    accounts.edit(user, actor=BY, is_staff=True, is_superuser=True)
    return user


@pytest.mark.parametrize(
    "name", ["ivan", "IVAN", "ivan@example.com", "+79991234567", "8 (999) 123-45-67", "{id}", "id/{id}"]
)
def test_an_account_is_found_by_any_identifier_and_by_its_id(name):
    user = make_user("ivan", email="ivan@example.com", phone="+79991234567")
    assert accounts.look_up(name.format(id=user.pk)) == user


@pytest.mark.parametrize("name", ["", "nobody", "id/0", "id/", "id/x", "999999", "9" * 40, "a\x00b", "id/-1"])
def test_what_names_no_account_is_not_found(name):
    make_user("ivan")
    with pytest.raises(AccountNotFound):
        accounts.look_up(name)


def test_digits_that_name_two_accounts_name_none():
    user = make_user("ivan")
    digits = make_user(str(user.pk))
    with pytest.raises(AmbiguousName):
        accounts.look_up(str(user.pk))
    assert accounts.look_up(f"id/{user.pk}") == user
    assert accounts.look_up(f"id/{digits.pk}") == digits


def test_editing_stores_the_spellings_and_tells_what_changed():
    user = make_user("ivan", email="ivan@example.com")
    version = User.objects.get().card_version
    changed = accounts.edit(
        user, client=FROM, actor=BY, username="Пётр", email=None, phone="8 999 123-45-67", is_active=True, is_staff=True
    )
    assert changed == {"username", "email", "phone", "is_staff"}
    stored = User.objects.get()
    assert (stored.username, stored.username_canonical) == ("Пётр", "пётр")
    assert (stored.email, stored.email_canonical, stored.phone) == (None, None, "+79991234567")
    assert stored.is_staff
    assert stored.card_version == user.card_version > version
    event = Event.objects.latest("id")
    assert (event.kind, event.user, event.user_ref, event.actor) == ("account_changed", user, user.pk, BY)
    assert (event.ip, event.agent) == ("192.0.2.9", "Staff 1.0")
    assert event.details == {"changed": ["email", "is_staff", "phone", "username"], "is_staff": True}


def test_what_is_no_change_leaves_no_trace():
    user = make_user("ivan")
    before = (User.objects.values().get(), Event.objects.count())
    assert accounts.edit(user, actor=BY, username="ivan", email="", is_active=True) == set()
    assert (User.objects.values().get(), Event.objects.count()) == before


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"username": "anna"}, IdentifierTaken),
        ({"username": "ANNA"}, IdentifierTaken),
        ({"email": "ANNA@example.com"}, IdentifierTaken),
        ({"phone": "89990000000"}, IdentifierTaken),
        ({"username": "gone"}, IdentifierTaken),
        ({"username": "a@b.ru"}, InvalidIdentifier),
        ({"username": ""}, InvalidIdentifier),
        ({"username": None}, InvalidIdentifier),
        ({"email": "ivan"}, InvalidIdentifier),
        ({"phone": "ivan"}, InvalidIdentifier),
    ],
)
def test_an_identifier_that_is_taken_or_none_is_refused_and_nothing_changes(changes, error):
    user = make_user("ivan")
    make_user("anna", email="anna@example.com", phone="+79990000000")
    accounts.delete(make_user("gone"), actor=BY)
    before = (list(User.objects.order_by("pk").values()), Event.objects.count())
    with pytest.raises(error):
        accounts.edit(user, actor=BY, is_staff=True, **changes)
    assert (list(User.objects.order_by("pk").values()), Event.objects.count()) == before


def test_a_renamed_account_may_have_its_old_name_again_and_nobody_else_may():
    user = make_user("ivan")
    accounts.edit(user, actor=BY, username="pyotr")
    with pytest.raises(IdentifierTaken):
        accounts.edit(make_user("anna"), actor=BY, username="Ivan")
    accounts.edit(user, actor=BY, username="ivan")
    assert User.objects.get(pk=user.pk).username == "ivan"


def test_a_deactivated_account_is_over_everywhere_and_activated_it_begins_anew():
    user = make_user("ivan")
    stamp = user.credentials_stamp
    assert accounts.deactivate(user, actor=BY)
    assert not User.objects.get().is_active
    assert User.objects.get().credentials_stamp == user.credentials_stamp != stamp
    assert not accounts.deactivate(user, actor=BY)
    assert accounts.activate(user, actor=BY)
    assert not accounts.activate(user, actor=BY)
    assert User.objects.get().is_active
    assert User.objects.get().credentials_stamp != stamp
    assert credentials.opens(User.objects.get(), PASSWORD)
    assert [event.details for event in Event.objects.filter(kind="account_changed")] == [
        {"changed": ["is_active"], "is_active": True},
        {"changed": ["is_active"], "is_active": False},
    ]


def test_a_new_password_is_required():
    user = make_user("ivan")
    stamp = user.credentials_stamp
    accounts.require_new_password(user, actor=BY)
    stored = User.objects.get()
    assert not stored.has_usable_password()
    assert stored.credentials_stamp != stamp
    event = Event.objects.latest("id")
    assert (event.kind, event.details) == ("password_changed", {"change": "new password required"})


def test_groups_and_permissions_are_set_whole():
    user = make_user("ivan")
    old, new = Group.objects.create(name="old"), Group.objects.create(name="new")
    assert accounts.set_groups(user, [old], actor=BY)
    version = User.objects.get().card_version
    assert accounts.set_groups(user, [new], actor=BY)
    assert not accounts.set_groups(user, [new], actor=BY)
    assert list(user.groups.all()) == [new]
    assert User.objects.get().card_version > version
    assert Event.objects.latest("id").details == {"changed": ["groups"], "added": ["new"], "removed": ["old"]}
    permission = Permission.objects.get(codename="view_user")
    assert accounts.set_permissions(user, [permission], actor=BY)
    assert list(user.user_permissions.all()) == [permission]


def test_a_deleted_account_leaves_its_name_and_what_happened():
    user = make_user("ivan")
    pk = user.pk
    accounts.delete(user, actor=BY)
    assert not User.objects.exists()
    assert UsernameClaim.objects.get().canonical == "ivan"
    event = Event.objects.latest("id")
    assert (event.user, event.user_ref, event.details) == (None, pk, {"change": "deleted", "username": "ivan"})
    assert Event.objects.filter(user_ref=pk, kind="registered").exists()


REMOVALS = {
    "deactivate": lambda user: accounts.deactivate(user, actor=BY),
    "demote": lambda user: accounts.edit(user, actor=BY, is_superuser=False),
    "keep out of the admin": lambda user: accounts.edit(user, actor=BY, is_staff=False),
    "delete": lambda user: accounts.delete(user, actor=BY),
    "model delete": lambda user: User.objects.get(pk=user.pk).delete(),
    "bulk delete": lambda user: User.objects.filter(username__startswith="root").delete(),
    "bulk update": lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
    "bulk demotion": lambda user: User.objects.update(is_superuser=False),
}


def save(user):
    user.is_active = False
    user.save()


def save_a_column(user):
    user.is_superuser = False
    user.save(update_fields=["is_superuser"])


REMOVALS |= {"save": save, "save a column": save_a_column}


@pytest.mark.parametrize("removal", REMOVALS.values(), ids=REMOVALS)
def test_the_last_superuser_stays_whoever_removes_it(removal):
    superuser("root")
    inactive = superuser("former")
    accounts.deactivate(inactive, actor=BY)
    before = (list(User.objects.order_by("pk").values()), Event.objects.count())
    with pytest.raises(LastSuperuser):
        removal(User.objects.get(username="root"))
    assert (list(User.objects.order_by("pk").values()), Event.objects.count()) == before


@pytest.mark.parametrize("removal", REMOVALS.values(), ids=REMOVALS)
def test_a_superuser_whom_the_admin_does_not_let_in_is_no_other_one(removal):
    superuser("root")
    accounts.require_new_password(superuser("keyless"), actor=BY)
    accounts.edit(superuser("outsider"), actor=BY, is_staff=False)
    with pytest.raises(LastSuperuser):
        removal(User.objects.get(username="root"))
    assert [user.username for user in User.objects.superusers()] == ["root"]


def test_the_last_superuser_keeps_its_password():
    user = superuser("root")
    with pytest.raises(LastSuperuser):
        accounts.require_new_password(user, actor=BY)
    assert credentials.opens(User.objects.get(), PASSWORD)


@pytest.mark.parametrize("removal", REMOVALS.values(), ids=REMOVALS)
def test_one_of_two_superusers_may_go(removal):
    superuser("anna")
    superuser("root")
    if removal is REMOVALS["bulk demotion"]:
        pytest.skip("it takes both")
    removal(User.objects.get(username="root"))
    assert [user.username for user in User.objects.superusers()] == ["anna"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["deactivate", "demote", "delete", "save", "bulk update"])
@pytest.mark.parametrize("second", ["deactivate", "model delete"])
def test_two_at_once_do_not_remove_the_last_two(first, second):
    users = [superuser("root1"), superuser("root2")]
    outcomes = race(2, lambda number: REMOVALS[(first, second)[number]](User.objects.get(pk=users[number].pk)))
    assert [type(outcome) for outcome in outcomes].count(LastSuperuser) == 1
    assert User.objects.superusers().count() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_leave_one_of_eight():
    users = [superuser(f"root{number}") for number in range(8)]
    outcomes = race(8, lambda number: accounts.deactivate(users[number], actor=BY))
    assert sum(isinstance(outcome, LastSuperuser) for outcome in outcomes) == 1
    assert sum(outcome is True for outcome in outcomes) == 7
    assert User.objects.superusers().count() == 1
