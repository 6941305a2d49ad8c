"""POST /account/login."""

import json
import re
from datetime import timedelta

import pytest

from accounts import passwords
from accounts.digests import digest
from accounts.models import Event, User
from accounts.services import credentials
from accounts.tests.factories import PASSWORD, make_user
from profiles.tests.cabinet import entry, make_person, refused
from tokens.models import SignIn

PATH = "/account/login"
BROWSER = {"browser": "Chrome 141.0"}
WRONG = "The identifier or the password is wrong."

pytestmark = pytest.mark.django_db


def login(client, form, path=PATH, headers=BROWSER):
    return client.post(
        path, form if isinstance(form, str | bytes) else json.dumps(form), "application/json", headers=headers
    )


@pytest.fixture
def user():
    person = make_person("ivan.petrov", first_name="Иван")
    SignIn.objects.all().delete()
    User.objects.filter(pk=person.user.pk).update(phone="+79991234567")
    return User.objects.get()


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"login": "ivan.petrov"}, id="login"),
        pytest.param({"login": "Ivan.Petrov"}, id="login in capitals"),
        pytest.param({"login": "ivan.petrov@example.org"}, id="e-mail as login"),
        pytest.param({"login": "8 (999) 123-45-67"}, id="phone as login"),
        pytest.param({"email": "ivan.petrov@example.org"}, id="e-mail"),
        pytest.param({"email": "IVAN.PETROV@EXAMPLE.ORG"}, id="e-mail in capitals"),
        pytest.param({"email": "ivan.petrov"}, id="login as e-mail"),
        pytest.param({"login": "ivan.petrov", "email": "ivan.petrov@example.org"}, id="both"),
        pytest.param({"login": "", "email": "ivan.petrov@example.org"}, id="an empty login is none"),
        pytest.param({"login": "ivan.petrov", "email": None}, id="a null e-mail is none"),
    ],
)
@pytest.mark.parametrize("path", [PATH, PATH + "/"])
def test_the_whole_account_with_a_new_token(client, user, named, path):
    response = login(client, {**named, "password": PASSWORD}, path)
    assert response.status_code == 200, response.content
    token = response.json()["token"]
    assert response.json() == {**entry(user, first_name="Иван"), "permissions": [], "token": token}
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    row = SignIn.objects.get()
    assert (row.user, row.dialect, row.agent, bytes(row.digest)) == (user, "cabinet", "Chrome 141.0", digest(token))
    assert row.expires - row.started == timedelta(days=30)
    assert Event.objects.order_by("-pk").values_list("kind", "agent").first() == ("signed_in", "Chrome 141.0")
    assert client.get("/account/me", headers={"authorization": token}).json() == response.json()


def test_every_sign_in_has_a_row_and_a_token_of_its_own(client, user):
    tokens = {login(client, {"login": "ivan.petrov", "password": PASSWORD}).json()["token"] for _ in range(3)}
    assert len(tokens) == SignIn.objects.count() == 3
    for token in tokens:
        assert client.get("/account/me", headers={"authorization": token}).status_code == 200


@pytest.mark.parametrize("multipart", [False, True])
def test_forms_are_read_too(client, user, multipart):
    form = {"login": "ivan.petrov", "password": PASSWORD}
    if multipart:
        response = client.post(PATH, form, headers=BROWSER)
    else:
        text = f"login=ivan.petrov&password={PASSWORD}"
        response = client.post(PATH, text, content_type="application/x-www-form-urlencoded", headers=BROWSER)
    assert response.status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"login": "ivan.petrov", "password": PASSWORD + "x"}, id="wrong password"),
        pytest.param({"login": "ivan.petrov", "password": PASSWORD.lower()}, id="another case"),
        pytest.param({"login": "ivan.petrov", "password": f" {PASSWORD}"}, id="a blank before"),
        pytest.param({"login": "nobody", "password": PASSWORD}, id="unknown login"),
        pytest.param({"email": "nobody@example.org", "password": PASSWORD}, id="unknown e-mail"),
        pytest.param({"login": "ivan.petrov", "email": "petr@example.org", "password": PASSWORD}, id="two accounts"),
        pytest.param({"login": "ivan.petrov", "email": "nobody@example.org", "password": PASSWORD}, id="one unknown"),
        pytest.param({"login": "inactive", "password": PASSWORD}, id="deactivated"),
        pytest.param({"login": "provided", "password": PASSWORD}, id="no password"),
        pytest.param({"login": "ivan.petrov", "password": "x" * 257}, id="257 characters"),
        pytest.param({"login": "ivan.petrov", "password": "x" * 100_000}, id="100 kB"),
        pytest.param({"login": "ivan.petrov", "password": "a\x00b"}, id="nul"),
        pytest.param({"login": "a\x00b", "password": PASSWORD}, id="nul in the login"),
        pytest.param({"login": "x" * 5000, "password": PASSWORD}, id="long login"),
        pytest.param({"login": "a b/c?", "password": PASSWORD}, id="no identifier at all"),
        pytest.param({"login": " ivan.petrov", "password": PASSWORD}, id="a blank before the login"),
    ],
)
def test_what_opens_nothing_has_one_answer(client, user, form):
    make_user("petr", email="petr@example.org")
    inactive = make_user("inactive")
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    make_user("provided", password=None)
    assert refused(login(client, form), 400) == WRONG
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("name", ["nobody", "inactive", "provided", "ivan.petrov"])
def test_one_hash_is_computed_whoever_is_named(client, user, monkeypatch, name):
    inactive = make_user("inactive")
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    make_user("provided", password=None)
    login(client, {"login": "nobody", "password": "Warm-up-1"})  # Nobody's hash is made once.
    computed, check = [], passwords.check_password
    monkeypatch.setattr(passwords, "check_password", lambda *arguments: computed.append(1) or check(*arguments))
    refused(login(client, {"login": name, "password": "Another-horse1"}), 400)
    assert computed == [1]


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({}, "password"),
        ({"login": "ivan.petrov"}, "password"),
        ({"login": "ivan.petrov", "password": ""}, "password"),
        ({"login": "ivan.petrov", "password": None}, "password"),
        ({"password": PASSWORD}, "login"),
        ({"password": PASSWORD, "login": "", "email": None}, "login"),
        ({"login": 7, "password": PASSWORD}, "login"),
        ({"login": ["ivan.petrov"], "password": PASSWORD}, "login"),
        ({"email": {"a": 1}, "password": PASSWORD}, "email"),
        ({"login": "ivan.petrov", "password": 12345678}, "password"),
        ({"login": "ivan.petrov", "password": True}, "password"),
    ],
)
def test_what_is_missing_or_of_another_type_is_named(client, user, form, named):
    assert named in refused(login(client, form), 400)
    assert not SignIn.objects.exists()


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", "[" * 100_000, b"\xff\xfe{\0}\0", '{"login": "\\ud800", "password": "x"}']
)
def test_an_unreadable_body_is_400(client, user, body):
    refused(login(client, body), 400)
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("headers", [{}, {"browser": ""}, {"browser": " \t "}, {"user-agent": "Firefox"}])
def test_without_a_browser_it_is_403_whatever_the_body(client, user, headers):
    for body in ({"login": "ivan.petrov", "password": PASSWORD}, {}, "{"):
        refused(login(client, body, headers=headers), 403)
    assert not SignIn.objects.exists()


def test_another_content_type_is_415_and_two_megabytes_413(client, user):
    refused(client.post(PATH, "x", content_type="text/plain", headers=BROWSER), 415)
    refused(login(client, {"login": "x" * 2_000_000, "password": PASSWORD}), 413)


def test_another_method_is_405(client):
    for method in ("get", "head", "patch", "delete"):
        assert getattr(client, method)(PATH, headers=BROWSER).status_code == 405


def test_a_secret_in_the_query_is_not_read(client, user):
    refused(client.post(f"{PATH}?login=ivan.petrov&password={PASSWORD}", headers=BROWSER), 400)
    assert not SignIn.objects.exists()


def test_a_password_that_changed_meanwhile_leaves_a_token_that_opens_nothing(client, user):
    token = login(client, {"login": "ivan.petrov", "password": PASSWORD}).json()["token"]
    credentials.replace_password(user, "Another-horse1")
    refused(client.get("/account/me", headers={"authorization": token}), 403)
    refused(login(client, {"login": "ivan.petrov", "password": PASSWORD}), 400)
    assert login(client, {"login": "ivan.petrov", "password": "Another-horse1"}).status_code == 200


def test_after_failures_it_is_429_for_the_right_password_too(client, user):
    answers = [login(client, {"login": "ivan.petrov", "password": f"Wrong-horse{n}"}).status_code for n in range(12)]
    assert answers[0] == 400
    assert answers[-1] == 429
    response = login(client, {"email": "ivan.petrov@example.org", "password": PASSWORD})
    refused(response, 429)
    assert re.fullmatch(r"[1-9][0-9]*", response["Retry-After"])
    assert not SignIn.objects.exists()
