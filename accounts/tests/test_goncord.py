"""goncord: making an account."""

import pytest
from django.contrib.auth.models import Permission

from accounts.models import Event, Role, User
from accounts.tests.factories import PASSWORD, make_user
from accounts.tests.goncord import DMITRY, DMITRY_SHOWN, Goncord
from profiles.models import ApplicationPayload, Profile

pytestmark = pytest.mark.django_db

USERS = "/api/v0/users"


@pytest.fixture
def goncord(client):
    return Goncord(client)


@pytest.mark.parametrize("path", [USERS, f"{USERS}/"])
def test_registering_answers_the_user_as_the_seed_prints_it(goncord, path):
    response = goncord.call("POST", path, DMITRY)
    assert (response.status_code, response.json()) == (201, DMITRY_SHOWN)
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    user = User.objects.get()
    assert (user.username, user.email, user.phone) == ("test", "test@gmail.com", None)
    assert user.password.startswith("argon2$argon2id$")
    registered = Event.objects.get()
    assert (registered.kind, registered.user, registered.dialect) == (Event.Kind.REGISTERED, user, "goncord")


def test_what_is_not_given_is_null(goncord):
    response = goncord.call(
        "POST", USERS, {"login": "Ivan", "password": "123456", "email": "i@x.ru", "first_name": None, "birthday": ""}
    )
    assert response.status_code == 201
    assert response.json() == {
        "login": "Ivan",
        "email": "i@x.ru",
        "first_name": None,
        "last_name": None,
        "second_name": None,
        "birthday": None,
        "roles": [],
        "apps": {},
    }


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=B"])
def test_forms_are_read_too(client, content_type):
    if content_type.startswith("multipart"):
        fields = "".join(
            f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in DMITRY.items()
        )
        body = (fields + "--B--\r\n").encode()
    else:
        body = "&".join(f"{name}={text}" for name, text in DMITRY.items())
    response = client.generic("POST", USERS, body, content_type=content_type)
    assert (response.status_code, response.json()) == (201, DMITRY_SHOWN)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        pytest.param({"login": None, "password": None, "email": None}, ["email", "login", "password"], id="absent"),
        pytest.param({"login": "", "password": "", "email": ""}, ["email", "login", "password"], id="empty"),
        pytest.param({"login": "ab"}, ["login"], id="short-login"),
        pytest.param({"login": "a" * 65}, ["login"], id="long-login"),
        pytest.param({"login": "a@b.ru"}, ["login"], id="login-an-email"),
        pytest.param({"login": "89991234567"}, ["login"], id="login-a-phone"),
        pytest.param({"login": "a\x00bc"}, ["login"], id="login-nul"),
        pytest.param({"login": "a\u202ebc"}, ["login"], id="login-bidi"),
        pytest.param({"login": ["abc"]}, ["login"], id="login-a-list"),
        pytest.param({"login": 12345}, ["login"], id="login-a-number"),
        pytest.param({"password": "12345"}, ["password"], id="short-password"),
        pytest.param({"password": "x" * 257}, ["password"], id="long-password"),
        pytest.param({"password": "abc\x00def"}, ["password"], id="password-nul"),
        pytest.param({"password": True}, ["password"], id="password-a-boolean"),
        pytest.param({"email": "no"}, ["email"], id="no-email"),
        pytest.param({"email": "a@b@c.ru"}, ["email"], id="two-ats"),
        pytest.param({"email": "a@x.ru\nBcc: b@x.ru"}, ["email"], id="email-header"),
        pytest.param({"email": "a" * 250 + "@x.ru"}, ["email"], id="long-email"),
        pytest.param({"first_name": "x" * 257}, ["first_name"], id="long-name"),
        pytest.param({"last_name": {"a": 1}}, ["last_name"], id="name-an-object"),
        pytest.param({"second_name": "a\x00"}, ["second_name"], id="name-nul"),
        pytest.param({"first_name": "a\r\nb"}, ["first_name"], id="name-of-two-lines"),
        pytest.param({"last_name": "a\u2028b"}, ["last_name"], id="name-with-a-line-separator"),
        pytest.param({"second_name": "a\ufffe"}, ["second_name"], id="name-no-character"),
        pytest.param({"birthday": "30.03.1995"}, ["birthday"], id="birthday-spelling"),
        pytest.param({"birthday": "1995-02-30"}, ["birthday"], id="no-such-day"),
        pytest.param({"birthday": "1899-12-31"}, ["birthday"], id="too-old"),
        pytest.param({"birthday": "2999-01-01"}, ["birthday"], id="unborn"),
        pytest.param({"birthday": 19950330}, ["birthday"], id="birthday-a-number"),
    ],
)
def test_wrong_fields_are_named_and_nothing_is_made(goncord, changes, fields):
    response = goncord.register(**changes)
    assert response.status_code == 422
    assert list(response.json()) == ["errors"]
    errors = response.json()["errors"]
    assert sorted(errors) == fields
    assert all(texts and all(isinstance(text, str) for text in texts) for texts in errors.values())
    assert not User.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        pytest.param({"email": "other@x.ru"}, ["login"], id="login"),
        pytest.param({"login": "TEST", "email": "other@x.ru"}, ["login"], id="login-by-case"),
        pytest.param({"login": "other", "email": "Test@Gmail.com"}, ["email"], id="email-by-case"),
        pytest.param({}, ["email", "login"], id="both"),
    ],
)
def test_what_is_taken_is_told_by_field(goncord, changes, fields):
    goncord.register()
    response = goncord.register(**changes)
    assert response.status_code == 422
    assert sorted(response.json()["errors"]) == fields
    assert User.objects.count() == 1


NO_OBJECTS = ["{", "[]", "null", '"x"', "[1]", '{"login": NaN}', '{"login": "\\ud800"}', '{"a": 1e999}', "[" * 99]


@pytest.mark.parametrize("body", NO_OBJECTS)
def test_what_is_no_object_is_a_400(goncord, body):
    response = goncord.call("POST", USERS, body)
    assert (response.status_code, response.json()) == (400, {"error": "The request could not be read."})
    assert not User.objects.exists()


def test_other_refusals_wear_the_same_envelope(client):
    foreign = client.post(USERS, "a,b", content_type="text/csv")
    assert (foreign.status_code, list(foreign.json())) == (415, ["error"])
    method = client.put(USERS)
    assert (method.status_code, list(method.json())) == (405, ["error"])
    nowhere = client.get("/api/v0/nothing")
    assert (nowhere.status_code, list(nowhere.json())) == (404, ["error"])
    large = client.post(USERS, "x" * 1_048_577, content_type="application/json")
    assert (large.status_code, list(large.json())) == (413, ["error"])
    russian = client.get("/v0/nothing", headers={"Accept-Language": "ru"})
    assert russian["Content-Language"] == "ru"
    assert not User.objects.exists()


def test_registering_grants_nothing_whatever_it_asks_for(goncord):
    admin = Role.objects.create(name="admin")
    admin.permissions.add(Permission.objects.first())
    response = goncord.register(
        roles=[{"name": "admin"}, "root"],
        apps={"https://site.example": {"a": 1}},
        id=999,
        is_active=False,
        is_staff=True,
        is_super=True,
        is_superuser=True,
        phone="+79991234567",
        card_version=7,
        groups=[1],
        username="another",
    )
    assert (response.status_code, response.json()) == (201, DMITRY_SHOWN)
    user = User.objects.get()
    assert user.pk != 999
    assert (user.is_active, user.is_staff, user.is_superuser, user.phone) == (True, False, False, None)
    assert not user.roles.exists()
    assert not user.groups.exists()
    assert not ApplicationPayload.objects.exists()
    assert list(Role.objects.values_list("name", flat=True)) == ["admin"]


def test_a_token_and_a_cookie_are_ignored_where_none_is_needed(goncord):
    goncord.client.cookies["jwt"] = "nonsense"
    response = goncord.call("POST", USERS, DMITRY, Authorization="Bearer nonsense", Origin="https://evil.example")
    assert (response.status_code, response.json()) == (201, DMITRY_SHOWN)


def test_an_account_of_another_dialect_is_shown_with_nulls(goncord):
    make_user(None, email=None, phone="+79991234567")
    response = goncord.sign_in(login="8 (999) 123-45-67", password=PASSWORD)
    assert response.status_code == 201
    user = User.objects.get()
    assert response.json()["user"] == {
        "login": user.username,
        "email": None,
        "first_name": None,
        "last_name": None,
        "second_name": None,
        "birthday": None,
        "roles": [],
        "apps": {},
    }
    assert not Profile.objects.exists()
