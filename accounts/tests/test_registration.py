"""accounts/services/registration.py: one transaction, one winner, and names that are never given out again."""

import re

import pytest
from django.db import IntegrityError

from accounts.errors import IdentifierTaken, InvalidIdentifier, PasswordRefused
from accounts.models import Event, User, UsernameClaim
from accounts.tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def test_an_account_is_stored_with_canonical_identifiers_and_an_argon2id_hash():
    user = make_user("Пётр", email="P@Example.com", phone="8 (999) 123-45-67")
    user.refresh_from_db()
    assert (user.username, user.username_canonical) == ("Пётр", "пётр")
    assert (user.email, user.email_canonical) == ("P@Example.com", "p@example.com")
    assert user.phone == "+79991234567"
    assert user.password.startswith("argon2$argon2id$")
    assert PASSWORD not in user.password
    assert not user.is_staff
    assert not user.is_superuser


def test_an_account_without_a_username_gets_one():
    assert re.fullmatch(r"user_[a-z0-9]{12}", make_user(None, email="a@x.ru").username)


def test_accounts_without_email_or_phone_do_not_collide():
    make_user("one")
    make_user("two")
    assert User.objects.filter(email=None, phone=None).count() == 2


@pytest.mark.parametrize(
    ("first", "second", "fields"),
    [
        pytest.param({"username": "Ivan"}, {"username": "iVAN"}, ["username"], id="username-case"),
        pytest.param({"username": "Straße"}, {"username": "STRASSE"}, ["username"], id="username-folding"),
        pytest.param(
            {"username": "a1", "email": "A@x.ru"}, {"username": "b1", "email": "a@X.RU"}, ["email"], id="email-case"
        ),
        pytest.param(
            {"username": "a1", "phone": "+79991234567"},
            {"username": "b1", "phone": "89991234567"},
            ["phone"],
            id="phone-spelling",
        ),
        pytest.param(
            {"username": "a1", "email": "a@x.ru", "phone": "+79991234567"},
            {"username": "A1", "email": "A@x.ru", "phone": "+79991234567"},
            ["username", "email", "phone"],
            id="all",
        ),
    ],
)
def test_a_taken_identifier_is_refused_and_nothing_is_written(first, second, fields):
    make_user(**first)
    before = list(User.objects.values()), UsernameClaim.objects.count(), Event.objects.count()
    with pytest.raises(IdentifierTaken) as caught:
        make_user(**second)
    assert caught.value.fields == fields
    assert before == (list(User.objects.values()), UsernameClaim.objects.count(), Event.objects.count())


def test_a_username_is_never_given_out_again():
    user = make_user("first")
    user.username = "second"
    user.save()
    with pytest.raises(IdentifierTaken):
        make_user("FIRST")
    user.username = "First"
    user.save()
    assert User.objects.get().username_canonical == "first"
    user.delete()
    for name in ("first", "Second"):
        with pytest.raises(IdentifierTaken):
            make_user(name)
    assert User.objects.count() == 0


def test_saving_one_column_saves_its_canonical_spelling_too():
    user = make_user("first", email="a@x.ru")
    user.username, user.email = "Second", "B@x.ru"
    user.save(update_fields=["username", "email"])
    user = User.objects.get()
    assert (user.username_canonical, user.email_canonical) == ("second", "b@x.ru")
    with pytest.raises(IdentifierTaken):
        make_user("second")


def test_a_rename_to_a_taken_username_changes_nothing():
    make_user("first").delete()
    user = make_user("second")
    user.username = "FIRST"
    with pytest.raises(IntegrityError):
        user.save()


@pytest.mark.parametrize("username", ["victim@x.ru", "89991234567", "a b", "a\u200bb", ""])
def test_a_malformed_username_is_refused(username):
    if username:
        with pytest.raises(InvalidIdentifier):
            make_user(username)
        assert not User.objects.exists()


@pytest.mark.parametrize("password", ["", "x" * 257, "a\x00b", "a\ud800b"])
def test_a_password_that_cannot_be_evaluated_is_refused(password):
    with pytest.raises(PasswordRefused):
        make_user("ivan", password=password)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("password", id="common"),
        pytest.param("Xy1-zq", id="short"),
        pytest.param("ivan-the-4th", id="like-login"),
    ],
)
def test_the_strict_policy_refuses_what_the_contract_accepts(settings, password):
    settings.ACCOUNTS_PASSWORD_POLICY = "strict"
    with pytest.raises(PasswordRefused) as caught:
        make_user("ivan-the-4th", password=password)
    assert caught.value.texts
    settings.ACCOUNTS_PASSWORD_POLICY = "contract"
    make_user("ivan-the-4th", password=password)
