"""goncord: signing in, asking whose a token is, and what the token looks like."""

import base64
import json
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Event, Role, User
from accounts.services import credentials, roles
from accounts.tests.factories import HERE, PASSWORD, make_user
from accounts.tests.goncord import DMITRY_SHOWN, Goncord
from profiles.services import editing
from tokens.models import SignIn

pytestmark = pytest.mark.django_db

TOKENS = "/api/v0/tokens"
VALIDATE = "/api/v0/tokens/validate"
UNAUTHORIZED = {"error": "The token is missing or no longer works."}
WRONG = {"error": "The identifier or the password is wrong."}


@pytest.fixture
def goncord(client):
    return Goncord(client)


@pytest.fixture
def dmitry(goncord):
    """The seed's user, registered and signed in."""
    goncord.register()
    assert goncord.sign_in(email="test@gmail.com", password="password").status_code == 201
    return User.objects.get()


def parts(token):
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def test_the_token_has_the_printed_shape(goncord):
    goncord.register()
    with time_machine.travel("2026-01-02 03:04:05.678+00:00", tick=False):
        response = goncord.call(
            "POST", TOKENS, {"email": "test@gmail.com", "password": "password"}, **{"User-Agent": "Site/2"}
        )
        now = int(timezone.now().timestamp())
    assert response.status_code == 201
    token = response.json()["jwt"]
    assert response.json() == {"user": DMITRY_SHOWN, "jwt": token}
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    row = SignIn.objects.get()
    header, claims = parts(token)
    assert header == {"alg": "HS512", "typ": "JWT"}
    assert claims == {
        "aud": f"User:{row.user_id}",
        "exp": now + 14 * 86_400,
        "iat": now,
        "iss": "Goncord",
        "jti": str(row.uuid),
        "pem": {},
        "sub": f"User:{row.user_id}",
        "typ": "token",
    }
    assert uuid.UUID(claims["jti"])
    assert int(row.expires.timestamp()) == now + 14 * 86_400
    assert (row.dialect, row.agent, row.ip, row.digest) == ("goncord", "Site/2", "127.0.0.1", None)


@pytest.mark.parametrize(
    "given",
    [
        {"login": "test"},
        {"login": "TEST"},
        {"email": "test@gmail.com"},
        {"email": "Test@GMAIL.com"},
        {"login": "test@gmail.com"},
        {"email": "test"},
        {"login": "test", "email": "test@gmail.com"},
        {"login": "test", "email": ""},
        {"login": None, "email": "test@gmail.com"},
    ],
)
def test_login_or_email_signs_in(goncord, given):
    goncord.register()
    response = goncord.sign_in(**given, password="password")
    assert (response.status_code, response.json()["user"]) == (201, DMITRY_SHOWN)
    assert goncord.validate().json() == DMITRY_SHOWN


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"login": "test", "password": "wrong-password"}, id="wrong"),
        pytest.param({"login": "nobody", "password": "password"}, id="unknown"),
        pytest.param({"login": "test", "email": "other@x.ru", "password": "password"}, id="two-accounts"),
        pytest.param({"login": "test", "email": "nobody@x.ru", "password": "password"}, id="one-unknown"),
        pytest.param({"login": "te\x00st", "password": "password"}, id="nul"),
        pytest.param({"login": "x" * 100_000, "password": "password"}, id="huge-login"),
        pytest.param({"login": "test", "password": "x" * 257}, id="long-password"),
        pytest.param({"login": "test", "password": "a\x00"}, id="password-nul"),
        pytest.param({"email": "not an e-mail", "password": "password"}, id="malformed-email"),
    ],
)
def test_what_cannot_sign_in_is_a_401(goncord, given):
    goncord.register()
    make_user("other", email="other@x.ru")
    response = goncord.sign_in(**given)
    assert (response.status_code, response.json()) == (401, WRONG)
    assert response["WWW-Authenticate"] == "Bearer"
    assert not SignIn.objects.exists()


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, ["password"]),
        ({"password": "password"}, ["login"]),
        ({"login": "", "email": None, "password": "password"}, ["login"]),
        ({"login": "test"}, ["password"]),
        ({"login": ["test"], "password": "password"}, ["login"]),
        ({"email": 5, "password": {"a": 1}}, ["email", "password"]),
    ],
)
def test_absent_or_wrongly_typed_fields_are_a_422(goncord, given, fields):
    goncord.register()
    response = goncord.sign_in(**given)
    assert response.status_code == 422
    assert sorted(response.json()["errors"]) == fields
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("path", [VALIDATE, f"{VALIDATE}/", "/v0/tokens/validate", "/v0/tokens/validate/"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_validate_answers_whose_the_token_is(goncord, dmitry, path, scheme):
    response = goncord.call("GET", path, Authorization=f"{scheme} {goncord.jwt}")
    assert (response.status_code, response.json()) == (200, DMITRY_SHOWN)
    assert response["Cache-Control"] == "no-store"
    assert {"Authorization", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}


def test_the_cookie_stands_in_for_an_absent_header_only(goncord, dmitry):
    jwt, goncord.jwt = goncord.jwt, ""
    assert goncord.validate().json() == UNAUTHORIZED
    goncord.client.cookies["jwt"] = jwt
    assert (goncord.validate().status_code, goncord.validate().json()) == (200, DMITRY_SHOWN)
    for header in ("", " ", "Bearer", "Bearer ", "Bearer nonsense", jwt, f"Token {jwt}", f"Basic {jwt}", "\u044f"):
        response = goncord.client.generic("GET", VALIDATE, HTTP_AUTHORIZATION=header)
        assert (response.status_code, response.json()) == (401, UNAUTHORIZED), header
    goncord.client.cookies["jwt"] = f"Bearer {jwt}"
    assert goncord.validate().status_code == 401


def test_a_warm_validate_is_one_query_and_a_cold_one_four(goncord, dmitry, django_assert_num_queries):
    with django_assert_num_queries(4):
        assert goncord.validate().json() == DMITRY_SHOWN
    for _ in range(3):
        with django_assert_num_queries(1):
            assert goncord.validate().json() == DMITRY_SHOWN


def test_a_remembered_card_is_never_old(goncord, dmitry):
    assert goncord.validate().json() == DMITRY_SHOWN
    editing.edit(dmitry, first_name="Пётр", birthdate=None)
    assert goncord.validate().json() == {**DMITRY_SHOWN, "first_name": "Пётр", "birthday": None}
    roles.grant(dmitry, ["b", "a"], actor="test")
    assert goncord.validate().json()["roles"] == [{"name": "a"}, {"name": "b"}]
    roles.withdraw(dmitry, ["a"], actor="test")
    assert goncord.validate().json()["roles"] == [{"name": "b"}]


def test_last_used_is_written_once_a_minute(goncord, dmitry, django_assert_num_queries):
    goncord.validate()
    started = SignIn.objects.get().last_used
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False):
        goncord.validate()
        with django_assert_num_queries(1):
            goncord.validate()
    assert SignIn.objects.get().last_used > started


def test_a_token_ends_with_its_time(goncord, dmitry):
    with time_machine.travel(timezone.now() + timedelta(days=14, seconds=-2), tick=False):
        assert goncord.validate().status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=14, seconds=1), tick=False):
        assert (goncord.validate().status_code, goncord.validate().json()) == (401, UNAUTHORIZED)


def test_deactivated_deleted_and_revoked_are_seen_at_once(goncord, dmitry):
    assert goncord.validate().status_code == 200
    User.objects.filter(pk=dmitry.pk).update(is_active=False)
    assert goncord.validate().json() == UNAUTHORIZED
    User.objects.filter(pk=dmitry.pk).update(is_active=True)
    assert goncord.validate().status_code == 200
    SignIn.objects.update(revoked=timezone.now())
    assert goncord.validate().json() == UNAUTHORIZED
    SignIn.objects.update(revoked=None)
    credentials.replace_password(dmitry, "another password", client=HERE)
    assert goncord.validate().json() == UNAUTHORIZED
    goncord.sign_in(login="test", password="another password")
    assert goncord.validate().status_code == 200
    dmitry.delete()
    assert goncord.validate().json() == UNAUTHORIZED


def test_signing_in_leaves_an_event(goncord, dmitry):
    kinds = list(Event.objects.order_by("id").values_list("kind", "dialect", "succeeded"))
    assert kinds == [("registered", "goncord", True), ("signed_in", "goncord", True)]
    goncord.sign_in(login="test", password="wrong-password")
    assert Event.objects.filter(kind="sign_in_refused", user=dmitry, succeeded=False).exists()
    assert Role.objects.count() == 0
    assert PASSWORD not in str(list(Event.objects.values()))


@pytest.mark.parametrize("path", [TOKENS, f"{TOKENS}/"])
def test_signing_out_ends_this_sign_in_alone(goncord, dmitry, path):
    first = goncord.jwt
    goncord.sign_in(login="test", password="password")
    response = goncord.call("DELETE", path)
    assert (response.status_code, response.content) == (204, b"")
    assert not response.cookies
    assert (goncord.validate().status_code, goncord.validate().json()) == (401, UNAUTHORIZED)
    assert goncord.call("DELETE", path).json() == UNAUTHORIZED
    goncord.jwt = first
    assert goncord.validate().status_code == 200
    ended = Event.objects.get(kind=Event.Kind.SIGN_IN_ENDED)
    assert (ended.user, ended.dialect) == (dmitry, "goncord")


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_foreign_page_cannot_sign_out_with_the_cookie(goncord, dmitry, headers):
    goncord.client.cookies["jwt"], goncord.jwt = goncord.jwt, ""
    assert goncord.call("DELETE", TOKENS, **headers).status_code == 403
    assert goncord.validate().status_code == 200
    assert goncord.call("DELETE", TOKENS, Origin="http://testserver").status_code == 204
    assert goncord.validate().status_code == 401
