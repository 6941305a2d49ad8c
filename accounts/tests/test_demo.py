"""`manage.py seed_demo`."""

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.clients import Dialect
from accounts.models import Event, Role, User, UsernameClaim
from accounts.serializers.cabinet import RegistrationArguments
from accounts.services import credentials, demo
from accounts.tests.factories import HERE, make_user
from profiles.models import Profile
from profiles.services import directory

pytestmark = pytest.mark.django_db


def seed(*arguments: str) -> str:
    output = io.StringIO()
    call_command("seed_demo", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def _debug(settings):
    settings.DEBUG = True


@pytest.mark.usefixtures("_debug")
def test_people_are_made_who_can_sign_in_and_are_found():
    printed = seed("--users", "25")
    assert printed.startswith("25 accounts made, 0 existed already.\nThe password of the new ones: ")
    password = printed.split()[-1]
    assert User.objects.count() == Profile.objects.count() == UsernameClaim.objects.count() == 25
    assert len(set(User.objects.values_list("password", flat=True))) == 1
    assert len(set(User.objects.values_list("credentials_stamp", flat=True))) == 25
    for user in User.objects.select_related("profile")[:5]:
        signed_in = credentials.authenticate(user.username, password, dialect=Dialect.CABINET, client=HERE)
        assert signed_in == user
        assert user in [User(pk=entry.id) for entry in directory.page(beginning=user.profile.last_name.upper())]
        assert UsernameClaim.objects.get(user=user).canonical == user.username_canonical == user.username
    assert Event.objects.filter(kind="registered", actor="command").count() == 25
    assert set(Role.objects.values_list("name", flat=True)) == set(demo.ROLES)
    assert not User.objects.filter(is_staff=True).exists()
    assert not Role.objects.filter(permissions__isnull=False).exists()


@pytest.mark.usefixtures("_debug")
def test_again_makes_only_those_that_are_missing():
    first = seed("--users", "10", "--password", "Demonstration1")
    before = list(User.objects.order_by("pk").values())
    assert first.endswith("Demonstration1\n")
    assert seed("--users", "10") == "0 accounts made, 10 existed already.\n"
    assert list(User.objects.order_by("pk").values()) == before
    assert seed("--users", "13").startswith("3 accounts made, 10 existed already.\n")
    assert list(User.objects.order_by("pk").values())[:10] == before


@pytest.mark.usefixtures("_debug")
def test_whoever_was_there_first_stays_as_they_are():
    person = next(demo.people(1))
    mine = make_user(person.username.upper(), email="mine@example.org")
    by_email = make_user("other", email=f"{next(iter(demo.people(1))).username}@EXAMPLE.org")
    before = list(User.objects.order_by("pk").values())
    assert seed("--users", "3").startswith("2 accounts made, 1 existed already.")
    assert list(User.objects.filter(pk__in=[mine.pk, by_email.pk]).order_by("pk").values()) == before


@pytest.mark.usefixtures("_debug")
def test_a_name_that_was_given_up_stays_given_up():
    person = next(demo.people(1))
    make_user(person.username).delete()
    assert seed("--users", "1") == "0 accounts made, 1 existed already.\n"
    assert not User.objects.exists()


def test_they_keep_to_cabinets_own_rules():
    for person in demo.people(300, seed=7):
        form = RegistrationArguments(
            data={
                "login": person.username,
                "password": demo.new_password(),
                "email": person.email or "somebody@example.org",
                "first_name": person.first_name,
                "last_name": person.last_name,
                **({"patronymic": person.middle_name} if person.middle_name else {}),
            }
        )
        assert form.is_valid(), form.errors
        assert form.validated_data["login"] == person.username


def test_they_are_always_the_same_ones():
    assert list(demo.people(50)) == list(demo.people(60))[:50]
    assert list(demo.people(50)) != list(demo.people(50, seed=2))
    assert len({person.username for person in demo.people(2000)}) == 2000


@pytest.mark.parametrize("arguments", [["--users", "3"], ["--users", "3", "--password", "x" * 257, "--force"]])
def test_a_refusal_makes_nobody(arguments):
    with pytest.raises(CommandError):
        seed(*arguments)
    assert not User.objects.exists()


def test_without_debug_it_can_be_forced():
    assert seed("--users", "2", "--force").startswith("2 accounts made")


@pytest.mark.usefixtures("_debug")
def test_a_thousand_take_a_fixed_number_of_statements(django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        seed("--users", "1000")
