"""The registration dialect: its two sign-ins, its pair of tokens, and what is said of them."""

import base64
import json
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Event, User
from accounts.services import credentials
from accounts.tests.factories import HERE, PASSWORD, make_user
from tokens.models import SignIn
from tokens.services import keys, ledger, refreshing

BY_EMAIL = "/authorization/login/email"
BY_PHONE = "/authorization/login/phone/number"
REFRESH = "/validate/jwt/refresh"
ACCESS = "/validate/jwt/access"
WRONG = {"message": "The identifier or the password is wrong."}

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user("Ivan", email="Ivan@Example.org", phone="+79991234567")


@pytest.fixture
def pair(user):
    return refreshing.open_pair(user, client=HERE)


def post(client, path, form, **headers):
    return client.post(path, json.dumps(form), content_type="application/json", headers=headers)


def parts(token):
    """The header and the claims of a JWT, unverified."""
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def refreshed(client, token):
    return client.get(REFRESH, {"refresh": token}).json()


def works(client, token):
    return client.get(ACCESS, {"access": token}).json()


def test_the_pair_has_the_printed_shape(client, user):
    with time_machine.travel("2026-01-02 03:04:05.678+00:00", tick=False):
        response = post(client, BY_EMAIL, {"email": "ivan@example.org", "hash_password": PASSWORD})
        now = int(timezone.now().timestamp())
    assert response.status_code == 200
    assert list(response.json()) == ["access", "refresh"]
    row = SignIn.objects.get()
    uuids = set()
    for token, mode, life in (("access", "access_token", 3600), ("refresh", "refresh_token", 4 * 3600)):
        header, claims = parts(response.json()[token])
        assert header == {"alg": "HS256", "typ": "JWT"}
        inner = claims.pop("header")
        uuids.add(uuid.UUID(inner.pop("uuid")))
        assert inner == {"alg": "HS256", "typ": "JWT"}
        assert claims == {"user_name": "Ivan@Example.org", "exp": now + life, "mode": mode, "sid": str(row.uuid)}
    assert len(uuids) == 2
    assert int(row.expires.timestamp()) == now + 4 * 3600


def test_lifetimes_are_settings(client, user, settings):
    settings.TOKENS_ACCESS_SECONDS, settings.TOKENS_REFRESH_SECONDS = 60, 30
    with time_machine.travel(timezone.now(), tick=False):
        answer = post(client, BY_EMAIL, {"email": "ivan@example.org", "hash_password": PASSWORD}).json()
        now = int(timezone.now().timestamp())
    assert [parts(answer[name])[1]["exp"] - now for name in ("access", "refresh")] == [60, 90]


@pytest.mark.parametrize(
    ("identifiers", "name"),
    [
        pytest.param({"email": "Ivan@Example.org", "phone": "+79991234567"}, "Ivan@Example.org", id="e-mail"),
        pytest.param({"phone": "8 999 123-45-67"}, "+79991234567", id="phone"),
        pytest.param({}, "Ivan", id="username"),
    ],
)
def test_user_name_is_the_email_else_the_phone_else_the_username(identifiers, name):
    pair = refreshing.open_pair(make_user("Ivan", **identifiers), client=HERE)
    assert [parts(token)[1]["user_name"] for token in (pair.access, pair.refresh)] == [name, name]


@pytest.mark.parametrize(
    ("path", "field", "identifier"),
    [
        pytest.param(BY_EMAIL, "email", "Ivan@Example.org", id="email"),
        pytest.param(BY_EMAIL, "email", "IVAN@EXAMPLE.ORG", id="email in capitals"),
        pytest.param(BY_PHONE, "phone_number", "+79991234567", id="phone"),
        pytest.param(BY_PHONE, "phone_number", "8 (999) 123-45-67", id="phone as people write it"),
        pytest.param(BY_PHONE, "phone_number", "9991234567", id="phone without prefix"),
        # Every sign-in takes any identifier (contract, "One account, every door").
        pytest.param(BY_EMAIL, "email", "8 (999) 123-45-67", id="a phone for the e-mail"),
        pytest.param(BY_EMAIL, "email", "ivan", id="a username for the e-mail"),
        pytest.param(BY_PHONE, "phone_number", "ivan@example.org", id="an e-mail for the phone"),
        pytest.param(BY_PHONE, "phone_number", "IVAN", id="a username for the phone"),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_signing_in_opens_one_row(client, user, path, field, identifier, slash):
    response = post(client, path + slash, {field: identifier, "hash_password": PASSWORD}, user_agent="Firefox/140")
    assert response.status_code == 200
    row = SignIn.objects.get()
    assert (row.user, row.dialect, row.agent) == (user, "registration", "Firefox/140")
    assert works(client, response.json()["access"]) is True
    assert refreshed(client, response.json()["refresh"])["email"] == "Ivan@Example.org"


@pytest.mark.parametrize(("path", "field"), [(BY_EMAIL, "email"), (BY_PHONE, "phone_number")])
@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        pytest.param("ivan@example.org", "wrong", id="wrong password"),
        pytest.param("+79991234567", PASSWORD[:-1], id="one character short"),
        pytest.param("nobody@example.org", PASSWORD, id="unknown e-mail"),
        pytest.param("+79990000000", PASSWORD, id="unknown phone"),
        pytest.param("not an e-mail@@", PASSWORD, id="malformed e-mail"),
        pytest.param("+7999", PASSWORD, id="malformed phone"),
        pytest.param("ivan@example.org\u0000", PASSWORD, id="nul"),
        pytest.param("ivan@example.org\r\nX: y", PASSWORD, id="line break"),
        pytest.param("ivan\ufffe", PASSWORD, id="noncharacter"),
        pytest.param("i" * 100_000 + "@example.org", PASSWORD, id="long e-mail"),
        pytest.param("+" + "7" * 100_000, PASSWORD, id="long phone"),
        pytest.param("ivan@example.org", "p" * 257, id="long password"),
        pytest.param("ivan@example.org", "p" * 100_000, id="very long password"),
        pytest.param("ivan@example.org", PASSWORD + "\u0000", id="nul in the password"),
    ],
)
def test_whatever_cannot_be_right_is_the_same_401(client, user, path, field, identifier, password):
    response = post(client, path, {field: identifier, "hash_password": password})
    assert response.status_code == 401
    assert response.json() == WRONG
    assert response["WWW-Authenticate"] == "Bearer"
    assert not SignIn.objects.exists()


def test_a_deactivated_account_and_one_without_a_password_get_the_same_401(client, user):
    make_user("bez", email="bez@example.org", password=None)
    User.objects.filter(pk=user.pk).update(is_active=False)
    for email in ("ivan@example.org", "bez@example.org"):
        response = post(client, BY_EMAIL, {"email": email, "hash_password": PASSWORD})
        assert (response.status_code, response.json()) == (401, WRONG)
    assert not SignIn.objects.exists()
    assert (
        list(Event.objects.filter(succeeded=False).values_list("kind", "dialect"))
        == [("sign_in_refused", "registration")] * 2
    )


@pytest.mark.parametrize(("path", "field"), [(BY_EMAIL, "email"), (BY_PHONE, "phone_number")])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param(None, "This field is required.", id="null"),
        pytest.param("", "This field is required.", id="empty"),
        pytest.param(79991234567, "Not a valid string.", id="number"),
        pytest.param(True, "Not a valid string.", id="boolean"),
        pytest.param(["ivan"], "Not a valid string.", id="list"),
        pytest.param({"a": "b"}, "Not a valid string.", id="object"),
    ],
)
def test_422_is_for_what_is_absent_or_no_text(client, user, path, field, value, error):
    form = {field: "ivan@example.org", "hash_password": PASSWORD}
    for wrong in (field, "hash_password"):
        response = post(client, path, {**form, wrong: value})
        assert response.status_code == 422
        assert response.json() == {"message": f"{wrong}: {error}", "errors": {wrong: [error]}}
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("path", [BY_EMAIL, BY_PHONE])
@pytest.mark.parametrize("body", ["[]", "null", '"ivan"', "{", "NaN", "[" * 100_000])
def test_a_body_that_is_no_object_is_400(client, path, body):
    response = client.post(path, body, content_type="application/json")
    assert (response.status_code, response.json()) == (400, {"message": "The request could not be read."})


@pytest.mark.parametrize("path", [REFRESH, REFRESH + "/"])
def test_refresh_answers_a_new_access_token_and_the_email(client, pair, path):
    answer = client.get(path, {"refresh": pair.refresh})
    assert answer.status_code == 200
    assert sorted(answer.json()) == ["access", "email"]
    assert answer.json()["email"] == "Ivan@Example.org"
    first, second = answer.json()["access"], refreshed(client, pair.refresh)["access"]
    assert first != second
    assert works(client, first) is True
    assert works(client, second) is True
    assert parts(first)[1]["sid"] == str(pair.sign_in.uuid)
    assert SignIn.objects.count() == 1
    assert answer["Cache-Control"] == "no-store"
    assert {name.strip() for name in answer["Vary"].split(",")} >= {"Authorization", "Cookie"}


def test_refresh_of_an_account_without_an_email_tells_an_empty_one(client):
    pair = refreshing.open_pair(make_user("ivan", phone="+79991234567"), client=HERE)
    assert refreshed(client, pair.refresh)["email"] == ""


def test_a_refreshed_access_token_does_not_outlive_its_row(client, user):
    with time_machine.travel("2026-01-02 03:04:05.678+00:00", tick=False) as clock:
        pair = refreshing.open_pair(user, client=HERE)
        refresh = pair.refresh
        clock.shift(timedelta(hours=3, minutes=30))
        access = refreshed(client, refresh)["access"]
        assert parts(access)[1]["exp"] == int(pair.sign_in.expires.timestamp())
        clock.move_to(pair.sign_in.expires - timedelta(seconds=1))
        assert works(client, access) is True
        assert works(client, refreshed(client, refresh)["access"]) is True
        clock.move_to(pair.sign_in.expires)
        assert works(client, access) is False
        assert refreshed(client, refresh) is False


def test_an_access_token_expires_before_its_row(client, user):
    with time_machine.travel("2026-01-02 03:04:05.678+00:00", tick=False) as clock:
        pair = refreshing.open_pair(user, client=HERE)
        access, refresh = pair.access, pair.refresh
        clock.shift(timedelta(seconds=3599))
        assert works(client, access) is True
        clock.shift(timedelta(seconds=1))
        assert works(client, access) is False
        assert works(client, refreshed(client, refresh)["access"]) is True


@pytest.mark.parametrize(("path", "name"), [(REFRESH, "refresh"), (ACCESS, "access")])
def test_the_cookie_stands_in_for_an_absent_parameter(client, pair, path, name):
    client.cookies[name] = getattr(pair, name)
    assert client.get(path).json() is not False
    assert client.get(path, {name: ""}).json() is not False
    assert client.get(path, {name: "rubbish"}).json() is False
    client.cookies[name] = "rubbish"
    assert client.get(path).json() is False
    assert client.get(path, {name: getattr(pair, name)}).json() is not False
    # Of a repeated parameter the last counts.
    assert client.get(f"{path}?{name}={getattr(pair, name)}&{name}=rubbish").json() is False


@pytest.mark.parametrize(("path", "name", "other"), [(REFRESH, "refresh", "access"), (ACCESS, "access", "refresh")])
def test_absent_in_both_places_is_422(client, pair, path, name, other):
    client.cookies[name] = ""
    client.cookies[other] = getattr(pair, other)
    expected = {"message": f"{name}: This field is required.", "errors": {name: ["This field is required."]}}
    for query in ({}, {name: ""}, {other: getattr(pair, other)}):
        response = client.get(path, query, headers={"Authorization": f"Bearer {getattr(pair, name)}"})
        assert (response.status_code, response.json()) == (422, expected)


@pytest.mark.parametrize(("path", "name"), [(REFRESH, "refresh"), (ACCESS, "access")])
def test_a_validation_is_one_query(client, pair, path, name, django_assert_num_queries):
    token = getattr(pair, name)
    for _ in range(2):  # The first calls make and read the keys.
        assert client.get(path, {name: token}).json() is not False
    with django_assert_num_queries(1):
        assert client.get(path, {name: token}).json() is not False
    with django_assert_num_queries(0):
        assert client.get(path, {name: token[:-4] + "AAAA"}).json() is False
    later = timezone.now() + timedelta(seconds=61)
    with time_machine.travel(later, tick=False):
        client.get(path, {name: token})
        SignIn.objects.update(last_used=later - timedelta(seconds=61))
        # Once a minute `last_used`, and that an access token was issued.
        with django_assert_num_queries(3 if name == "refresh" else 2):
            assert client.get(path, {name: token}).json() is not False
        assert Event.objects.filter(kind="token_issued").count() == (2 if name == "refresh" else 0)
        with django_assert_num_queries(1):
            assert client.get(path, {name: token}).json() is not False


def deactivate(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete(user):
    user.delete()


def change_password(user):
    credentials.replace_password(user, "Another-horse2")


def revoke(user):
    SignIn.objects.update(revoked=timezone.now())


@pytest.mark.parametrize("ending", [deactivate, delete, change_password, revoke])
def test_what_ends_a_sign_in_ends_its_tokens_at_the_next_call(client, user, pair, ending):
    access, refresh = pair.access, pair.refresh
    younger = refreshed(client, refresh)["access"]
    assert works(client, access) is True
    ending(user)
    before = list(SignIn.objects.values_list())
    assert (works(client, access), works(client, younger), refreshed(client, refresh)) == (False, False, False)
    assert list(SignIn.objects.values_list()) == before


def test_a_rotated_key_refuses_no_valid_token_and_a_leaked_one_every(client, pair):
    access, refresh = pair.access, pair.refresh
    for token_type in ("registration-access", "registration-refresh"):
        keys.rotate(token_type)
    assert (works(client, access), works(client, refreshed(client, refresh)["access"])) == (True, True)
    keys.rotate("registration-access", retire_now=True)
    assert works(client, access) is False
    assert works(client, refreshed(client, refresh)["access"]) is True


def test_one_token_opens_one_path_only(client, user, pair):
    others = [
        ledger.open_sign_in(user, dialect=name, client=HERE).secret for name in ("gigachat", "goncord", "cabinet")
    ]
    for token in (pair.refresh, *others):
        assert works(client, token) is False
    for token in (pair.access, *others):
        assert refreshed(client, token) is False
    for token in (pair.access, pair.refresh):
        response = client.get("/account/me", headers={"Authorization": token})
        assert response.status_code == 403


@pytest.mark.parametrize("path", [REFRESH, ACCESS])
@pytest.mark.parametrize("method", ["post", "patch", "delete", "put"])
def test_other_methods_are_405(client, path, method):
    response = getattr(client, method)(path)
    assert (response.status_code, response.json()) == (405, {"message": "This address does not know that method."})
