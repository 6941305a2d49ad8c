"""accounts/services/credentials.py: one way to check a secret, and what a change of it means."""

import unicodedata

import pytest
from django.contrib.auth.hashers import check_password, make_password

from accounts import passwords
from accounts.clients import Dialect
from accounts.errors import InvalidCredentials, PasswordRefused, WrongCurrentPassword
from accounts.models import Event, User
from accounts.services import credentials
from accounts.tests.factories import HERE, PASSWORD, make_user

pytestmark = pytest.mark.django_db


def sign_in(identifier: str, password: str) -> User:
    return credentials.authenticate(identifier, password, dialect=Dialect.CABINET, client=HERE)


@pytest.mark.parametrize("identifier", ["IVAN", "ＩＶＡＮ", "I@X.ru", "8 999 123 45 67", "+79991234567"])
def test_every_identifier_in_any_spelling_signs_in(identifier):
    user = make_user("ivan", email="i@x.ru", phone="+79991234567")
    assert sign_in(identifier, PASSWORD) == user


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("a" * 64, id="64"),
        pytest.param("b" * 256, id="256"),
        pytest.param(" leading blank", id="blank"),
        pytest.param("пароль с пробелами", id="cyrillic"),
        pytest.param("🐎🔋📎'\"\\", id="emoji-and-quotes"),
    ],
)
def test_long_and_unusual_passwords_hold_to_the_last_character(password):
    user = make_user(password=password)
    assert sign_in("ivan", password) == user
    with pytest.raises(InvalidCredentials):
        sign_in("ivan", password[:-1])


def test_nfc_and_nfd_are_one_password():
    user = make_user(password=unicodedata.normalize("NFD", "Пароль-й1"))
    assert sign_in("ivan", unicodedata.normalize("NFC", "Пароль-й1")) == user


@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        pytest.param("nobody", PASSWORD, id="unknown"),
        pytest.param("ivan", "wrong", id="wrong"),
        pytest.param("ivan", "", id="empty"),
        pytest.param("ivan", "x" * 257, id="too-long"),
        pytest.param("ivan", "a\x00", id="nul"),
        pytest.param("iv\x00an", PASSWORD, id="nul-in-identifier"),
        pytest.param("x" * 100_000, PASSWORD, id="huge-identifier"),
        pytest.param("gone", PASSWORD, id="deactivated"),
        pytest.param("provider", PASSWORD, id="no-password"),
        pytest.param("provider", "!", id="unusable-mark"),
    ],
)
def test_every_refusal_is_the_same(identifier, password):
    make_user("ivan")
    User.objects.filter(pk=make_user("gone").pk).update(is_active=False)
    make_user("provider", password=None)
    with pytest.raises(InvalidCredentials) as caught:
        sign_in(identifier, password)
    assert str(caught.value.text) == "The identifier or the password is wrong."
    refused = Event.objects.filter(kind=Event.Kind.SIGN_IN_REFUSED).get()
    assert (refused.succeeded, refused.ip, refused.dialect) == (False, "192.0.2.1", "cabinet")


def test_nobody_costs_one_hash_and_an_overlong_password_none(monkeypatch):
    computed = []

    def counted(password, encoded):
        computed.append(encoded)
        return check_password(password, encoded)

    monkeypatch.setattr(passwords, "check_password", counted)
    for identifier, password, hashes in [("nobody", "x", 1), ("nobody", "x" * 257, 0), ("nobody", "y" * 2_000_000, 0)]:
        computed.clear()
        with pytest.raises(InvalidCredentials):
            sign_in(identifier, password)
        assert len(computed) == hashes


def test_an_old_hash_is_upgraded_by_the_right_password_alone():
    user = make_user()
    old = make_password(PASSWORD, hasher="pbkdf2_sha256")
    User.objects.filter(pk=user.pk).update(password=old)
    with pytest.raises(InvalidCredentials):
        sign_in("ivan", "wrong")
    assert User.objects.get().password == old
    stamp = User.objects.get().credentials_stamp
    sign_in("ivan", PASSWORD)
    upgraded = User.objects.get()
    assert upgraded.password.startswith("argon2$argon2id$")
    assert upgraded.credentials_stamp == stamp
    assert sign_in("ivan", PASSWORD) == upgraded


def test_a_change_of_password_needs_the_present_one_and_gives_a_new_stamp():
    user = make_user()
    stamp = user.credentials_stamp
    with pytest.raises(WrongCurrentPassword):
        credentials.change_password(user, "wrong", "Another-1", dialect=Dialect.GONCORD, client=HERE)
    assert User.objects.get().credentials_stamp == stamp
    new = credentials.change_password(user, PASSWORD, "Another-1", dialect=Dialect.GONCORD, client=HERE)
    assert User.objects.get().credentials_stamp == new != stamp
    assert sign_in("ivan", "Another-1") == user
    with pytest.raises(InvalidCredentials):
        sign_in("ivan", PASSWORD)


def test_an_account_without_a_password_sets_its_first_without_the_old():
    user = make_user(password=None)
    credentials.change_password(user, None, "First-one-1", dialect=Dialect.GONCORD, client=HERE)
    assert sign_in("ivan", "First-one-1") == user


def test_of_two_changes_that_start_from_one_password_the_second_is_refused():
    one = make_user()
    other = User.objects.get(pk=one.pk)
    credentials.change_password(one, PASSWORD, "Winner-1", dialect=Dialect.GONCORD, client=HERE)
    with pytest.raises(WrongCurrentPassword):
        credentials.change_password(other, PASSWORD, "Loser-1", dialect=Dialect.GONCORD, client=HERE)
    assert sign_in("ivan", "Winner-1") == one


def test_a_new_password_meets_the_policy_before_anything_is_asked():
    user = make_user()
    with pytest.raises(PasswordRefused):
        credentials.change_password(user, PASSWORD, "x" * 257, dialect=Dialect.GONCORD, client=HERE)


def test_several_identifiers_must_name_one_account():
    ivan, olga = make_user("ivan", email="i@x.ru"), make_user("olga", email="o@x.ru")
    assert credentials.find_by_all("ivan", "i@x.ru") == ivan
    assert credentials.find_by_all(None, "o@x.ru") == olga
    assert credentials.find_by_all("ivan", "o@x.ru") is None
    assert credentials.find_by_all("ivan", "unknown@x.ru") is None
    assert credentials.find_by_all(None, None) is None


def test_digits_find_a_username_first_and_then_an_id(django_assert_num_queries):
    first = make_user("first", phone="+79991234567")
    second = make_user("x" * 4)
    User.objects.filter(pk=second.pk).update(username=str(first.pk), username_canonical=str(first.pk))
    found = {
        str(first.pk): second,
        str(second.pk): second,
        f"0{first.pk}": None,
        "89991234567": first,
        "FIRST": first,
        "9" * 12: None,
        "@": None,
    }
    for text, user in found.items():
        with django_assert_num_queries(0 if text == "@" else 1):
            assert credentials.find_also_by_id(text) == user


def test_what_names_an_account_is_said_without_a_query(django_assert_num_queries):
    user = make_user("Ivan", email="ivan@example.org", phone="+79991234567")
    with django_assert_num_queries(0):
        for text in ("IVAN", "ivan@EXAMPLE.org", "8 (999) 123-45-67", str(user.pk)):
            assert credentials.names(text, user)
        for text in (
            "ivan2",
            "",
            "ivan@example.com",
            "+79991234568",
            str(user.pk + 1),
            f"0{user.pk}",
            f"-{user.pk}",
            "x\x00",
            "9" * 30,
        ):
            assert not credentials.names(text, user)
    without = make_user("peter")
    for text in ("", "None", "@", "+"):
        assert not credentials.names(text, without)
