"""gigachat: signing in, and the controller that verifies, lists and ends sign-ins of every dialect."""

import json
import logging
import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import check_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import passwords
from accounts.clients import Client, Dialect
from accounts.models import Event, User
from accounts.services import credentials
from accounts.tests.factories import HERE, PASSWORD, make_user
from tokens.formats import TokenType, opaque
from tokens.models import SignIn
from tokens.services import keys, ledger, refreshing, resolving

AUTH, CONTROL, VERIFY = "/auth", "/control/tokens", "/control/tokens/get"
NAMES = ["Ivan", "IVAN", "ivan@EXAMPLE.org", "+79991234567", "8 (999) 123-45-67"]
DIALECTS = ["gigachat", "cabinet", "goncord", "registration"]
JSON = "application/json"

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user("Ivan", email="Ivan@example.org", phone="+79991234567")


@pytest.fixture
def token(user):
    return open_as("gigachat", user)


def open_as(dialect, user, agent="Test 1.0"):
    """The token of a new sign-in of `user`."""
    client = Client(ip="192.0.2.1", agent=agent)
    if dialect == "registration":
        return refreshing.open_pair(user, client=client).access
    return ledger.open_sign_in(user, dialect=Dialect(dialect), client=client).secret


def refused(status, code, reason="BadRequest"):
    return status, {"status": "Refused", "reason": reason, "description": code}


NOT_FOUND = refused(404, "UserNotFound")
LACKING = refused(406, "LackOfArgumentsAuthorization")


def answer(response):
    return response.status_code, response.json()


def verified(client, identifier, token):
    response = client.get(VERIFY, {"id": identifier, "token": token})
    assert response.status_code == 200
    assert list(response.json()) == ["status", "data"]
    return response.json()["data"]


def delete(client, **arguments):
    return client.delete(CONTROL, query_params=arguments)


def failures():
    return Event.objects.filter(kind="sign_in_refused").count()


def untouched():
    return not SignIn.objects.filter(revoked__isnull=False).exists()


# /auth


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_any_identifier_signs_in(client, user, name, method):
    response = getattr(client, method)(AUTH, {"username": name, "password": PASSWORD}, headers={"User-Agent": "Чат"})
    row = SignIn.objects.get()
    token = response.json()["data"]["token"]
    assert answer(response) == (200, {"status": "Done", "data": {"id": user.pk, "token": token}})
    assert re.fullmatch(rf"user\.{user.pk}\.[A-Za-z0-9_-]{{43}}", token)
    assert (row.user, row.dialect, row.agent) == (user, "gigachat", "Чат")
    assert row.expires - row.started == timedelta(days=30)
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "Set-Cookie" not in response


def test_post_reads_the_body_before_the_query(client, user):
    query = f"?username=nobody&password={PASSWORD}"
    response = client.post(f"{AUTH}{query}", {"username": "ivan"}, content_type=JSON)
    assert response.json()["data"]["id"] == user.pk
    assert answer(client.post(f"{AUTH}?username=ivan&password={PASSWORD}", {"password": "wrong"})) == NOT_FOUND
    assert client.post(f"{AUTH}?username=ivan&password=wrong&password={PASSWORD}").status_code == 200


@pytest.mark.parametrize("form", [{}, {"username": "ivan"}, {"password": PASSWORD}, {"username": "", "password": "x"}])
@pytest.mark.parametrize("method", ["get", "post"])
def test_auth_lacks_an_argument(client, user, form, method):
    assert answer(getattr(client, method)(AUTH, form)) == refused(400, "LackOfArgument")
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"username": null, "password": "x"}'])
def test_auth_with_an_unreadable_body(client, body):
    assert answer(client.post(AUTH, body, content_type=JSON)) == refused(400, "LackOfArgument")


STRANGE = [5, True, ["ivan"], {"a": 1}, "x\x00", "\ufffe", "\r\n", "x" * 300, "x" * 100_000, "👻"]


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("value", STRANGE)
def test_what_cannot_be_right_is_like_what_is_wrong(client, user, field, value):
    form = {"username": "ivan", "password": PASSWORD, field: value}
    assert answer(client.post(AUTH, json.dumps(form), content_type=JSON)) == NOT_FOUND
    if isinstance(value, str) and len(value) < 1000:
        assert answer(client.get(AUTH, form)) == NOT_FOUND
    assert not SignIn.objects.exists()


def test_every_refusal_is_the_same_and_costs_one_hash(client, user, monkeypatch):
    inactive, without = make_user("inactive"), make_user("without", password=None)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    hashes = []

    def counting(password, encoded):
        hashes.append(encoded)
        return check_password(password, encoded)

    monkeypatch.setattr(passwords, "check_password", counting)
    bodies = set()
    tries = [("ivan", "wrong"), ("nobody", "wrong"), ("inactive", PASSWORD), (without.username, PASSWORD), ("a@", "x")]
    for username, password in tries:
        response = client.get(AUTH, {"username": username, "password": password})
        bodies.add((response.status_code, response.content))
        assert answer(response) == NOT_FOUND
    assert len(bodies) == 1
    assert len(hashes) == len(tries)
    # One cost: the hash of nobody was made with today's parameters.
    assert len({encoded.split("$")[3] for encoded in hashes}) == 1
    assert failures() == len(tries)
    assert not SignIn.objects.exists()


def test_head_and_prefetch_sign_nobody_in(client, user):
    form = {"username": "ivan", "password": PASSWORD}
    assert client.head(AUTH, form).status_code == 405
    assert answer(client.get(AUTH, form, headers={"Sec-Purpose": "prefetch"})) == refused(403, "Forbidden")
    assert not SignIn.objects.exists()


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (AUTH, ["put", "patch", "delete", "options", "trace"]),
        (CONTROL, ["post", "put", "patch", "options", "trace"]),
        (VERIFY, ["post", "put", "patch", "delete", "options", "trace"]),
    ],
)
def test_methods_they_do_not_know(client, path, methods):
    for method in methods:
        assert answer(getattr(client, method)(path)) == refused(405, "MethodNotAllowed")


def test_an_authorization_that_is_not_needed_is_ignored(client, user):
    headers = {"Authorization": "Bearer \x7fnonsense", "Cookie": "jwt=nonsense; access=x"}
    assert client.get(AUTH, {"username": "ivan", "password": PASSWORD}, headers=headers).status_code == 200


# Which token, and of whom


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tokens_of_every_dialect_control(client, user, dialect):
    token = open_as(dialect, user)
    row = SignIn.objects.get()
    assert verified(client, "ivan", token) is True
    listed = client.get(CONTROL, {"id": "ivan", "token": token}).json()
    assert [(entry["id"], entry["dialect"], entry["current"]) for entry in listed["data"]] == [(row.pk, dialect, True)]
    assert answer(delete(client, id="ivan", token=token)) == (200, {"status": "Done", "count": 1})
    assert verified(client, "ivan", token) is False
    assert answer(client.get(CONTROL, {"id": "ivan", "token": token})) == NOT_FOUND


def test_a_refresh_token_controls_nothing(client, user):
    refresh = refreshing.open_pair(user, client=HERE).refresh
    assert verified(client, "ivan", refresh) is False
    assert answer(client.get(CONTROL, {"id": "ivan", "token": refresh})) == NOT_FOUND
    assert answer(delete(client, id="ivan", token=refresh)) == NOT_FOUND
    assert untouched()
    assert failures() == 0


def test_every_spelling_of_the_account(client, user, token):
    for name in [*NAMES, str(user.pk)]:
        assert verified(client, name, token) is True, name
    for name in [
        "ivan2",
        f"0{user.pk}",
        f"-{user.pk}",
        f"{user.pk}.0",
        f" {user.pk}",
        "+7",
        "9" * 19,
        "9" * 400,
        "²",
        "x\x00",
        "\ufffe",
    ]:
        assert verified(client, name, token) is False, name


def test_another_accounts_token_is_refused(client, user, token):
    other = make_user("peter", email="peter@example.org")
    theirs = open_as("gigachat", other)
    for name in ("peter", "peter@example.org", str(other.pk)):
        assert verified(client, name, token) is False
        assert answer(client.get(CONTROL, {"id": name, "token": token})) == NOT_FOUND
        assert answer(delete(client, id=name, token=token)) == NOT_FOUND
    assert untouched()
    assert failures() == 0
    assert verified(client, "peter", theirs) is True


def test_a_username_of_digits_shadows_no_id(client, user, token):
    shadow = make_user(str(user.pk).zfill(4))
    User.objects.filter(pk=shadow.pk).update(username=str(user.pk), username_canonical=str(user.pk))
    theirs = open_as("cabinet", shadow)
    assert verified(client, str(user.pk), token) is True
    assert verified(client, str(user.pk), theirs) is True
    assert delete(client, id=str(user.pk), token=token).json()["count"] == 1
    assert verified(client, str(user.pk), theirs) is True


@pytest.mark.parametrize("change", ["revoked", "expired", "deactivated", "password", "deleted"])
def test_a_token_that_no_longer_works(client, user, token, change):
    if change == "revoked":
        SignIn.objects.update(revoked=timezone.now())
    elif change == "expired":
        SignIn.objects.update(expires=timezone.now())
    elif change == "deactivated":
        User.objects.update(is_active=False)
    elif change == "password":
        credentials.replace_password(user, "Another-1")
    else:
        user.delete()
    assert verified(client, "ivan", token) is False
    assert answer(client.get(CONTROL, {"id": "ivan", "token": token})) == NOT_FOUND
    assert answer(delete(client, id="ivan", token=token)) == NOT_FOUND
    assert SignIn.objects.filter(revoked__isnull=False).count() == (change == "revoked")


def test_a_token_lives_thirty_days_from_sign_in(client, user, token):
    now = timezone.now()
    for day in (1, 29):
        with time_machine.travel(now + timedelta(days=day)):
            assert verified(client, "ivan", token) is True
    with time_machine.travel(now + timedelta(days=30, seconds=1)):
        assert verified(client, "ivan", token) is False


LACKINGS = [{}, {"id": "ivan"}, {"token": "x"}, {"id": "", "token": "x"}, {"id": "x", "token": ""}]


@pytest.mark.parametrize("arguments", LACKINGS)
def test_an_authorization_that_is_lacking(client, user, arguments):
    assert answer(client.get(VERIFY, arguments)) == LACKING
    assert answer(client.get(CONTROL, arguments)) == LACKING
    assert answer(delete(client, **arguments)) == LACKING
    assert answer(delete(client, **arguments, started="nonsense")) == LACKING
    assert failures() == 0


STRANGE_TOKENS = ["x", "x\x00", "\ufffe", "👻", "x" * 300, "user.1.x", "a.b.c", "." * 7000, "eyJhbGciOiJub25lIn0.e30.",
                  "0" * 64, f"user.1.{'x' * 43}", "%", "' OR 1=1 --"]  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE_TOKENS)
def test_strange_tokens(client, user, strange):
    assert verified(client, "ivan", strange) is False
    assert answer(client.get(CONTROL, {"id": "ivan", "token": strange})) == NOT_FOUND
    assert answer(delete(client, id="ivan", token=strange)) == NOT_FOUND


def test_tokens_with_every_shape_are_not_tried_as_passwords(client, user, monkeypatch):
    pair = refreshing.open_pair(user, client=HERE)
    shapes = [open_as("gigachat", user), open_as("cabinet", user), open_as("goncord", user), pair.access, pair.refresh]
    SignIn.objects.update(revoked=timezone.now())
    monkeypatch.setattr(passwords, "check_password", lambda *args: pytest.fail("hashed"))
    for token in shapes:
        assert resolving.shaped(token)
        assert answer(client.get(CONTROL, {"id": "ivan", "token": token})) == NOT_FOUND
    assert failures() == 0


def test_a_password_of_three_words_with_dots_is_a_password(client):
    user = make_user("ivan", password="correct.horse.battery")
    assert client.get(CONTROL, {"id": "ivan", "token": "correct.horse.battery"}).json() == {
        "status": "Done", "count": 0, "data": [],
    }  # fmt: skip
    assert not resolving.shaped("correct.horse.battery")
    assert user.check_password("correct.horse.battery")


# The header


def test_a_bearer_stands_in_for_the_argument(client, user, token):
    bearer = {"Authorization": f"bEaReR {token}"}
    assert client.get(VERIFY, {"id": "ivan"}, headers=bearer).json()["data"] is True
    assert client.get(VERIFY, {"id": "ivan", "token": ""}, headers=bearer).json()["data"] is True
    assert client.get(CONTROL, {"id": "ivan"}, headers=bearer).json()["count"] == 1
    assert client.delete(CONTROL, query_params={"id": "ivan"}, headers=bearer).json()["count"] == 1


def test_the_argument_wins_over_the_header(client, user, token):
    good, bad = {"Authorization": f"Bearer {token}"}, {"Authorization": "Bearer nonsense"}
    assert client.get(VERIFY, {"id": "ivan", "token": token}, headers=bad).json()["data"] is True
    assert client.get(VERIFY, {"id": "ivan", "token": "nonsense"}, headers=good).json()["data"] is False


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic aXZhbg==", "{token}"])
def test_another_header_is_no_token(client, user, token, header):
    header = header.format(token=token)
    assert answer(client.get(VERIFY, {"id": "ivan"}, headers={"Authorization": header})) == LACKING


def test_a_password_may_come_as_a_bearer(client):
    make_user("ivan", password="пароль мой")
    header = "Bearer пароль мой".encode().decode("latin-1")
    assert client.get(CONTROL, {"id": "ivan"}, headers={"Authorization": header}).json()["count"] == 0


def test_a_cookie_is_no_token(client, user, token):
    client.cookies.load({"token": token, "jwt": token})
    assert answer(client.get(VERIFY, {"id": "ivan"})) == LACKING
    assert answer(delete(client, id="ivan")) == LACKING
    assert untouched()


# The password


@pytest.mark.parametrize("by_id", [False, True])
def test_the_password_lists_and_ends(client, user, token, by_id):
    for name in [str(user.pk)] if by_id else NAMES:
        listed = client.get(CONTROL, {"id": name, "token": PASSWORD}).json()
        assert (listed["count"], listed["data"][0]["current"]) == (1, False)
    assert SignIn.objects.count() == 1
    assert failures() == 0
    name = str(user.pk) if by_id else "ivan"
    assert answer(delete(client, id=name, token=PASSWORD)) == (200, {"status": "Done", "count": 1})
    assert verified(client, "ivan", token) is False
    assert SignIn.objects.count() == 1


def test_the_password_verifies_nothing(client, user, monkeypatch):
    monkeypatch.setattr(passwords, "check_password", lambda *args: pytest.fail("hashed"))
    assert verified(client, "ivan", PASSWORD) is False
    assert failures() == 0


def test_a_wrong_password_is_a_failed_sign_in(client, user, token):
    User.objects.filter(pk=make_user("inactive").pk).update(is_active=False)
    tries = {"ivan": "wrong", "nobody": "wrong", "inactive": PASSWORD, str(user.pk): "wrong", "9" * 15: "wrong"}
    for name, password in tries.items():
        assert answer(client.get(CONTROL, {"id": name, "token": password})) == NOT_FOUND
        assert answer(delete(client, id=name, token=password)) == NOT_FOUND
    assert failures() == 2 * len(tries)
    assert untouched()


def test_digits_are_a_username_first_and_one_account_is_tried(client, user, token):
    shadow = make_user("0000", password="Shadow-1")
    User.objects.filter(pk=shadow.pk).update(username=str(user.pk), username_canonical=str(user.pk))
    theirs = open_as("cabinet", shadow)
    assert client.get(CONTROL, {"id": str(user.pk), "token": "Shadow-1"}).json()["data"][0]["dialect"] == "cabinet"
    assert answer(client.get(CONTROL, {"id": str(user.pk), "token": PASSWORD})) == NOT_FOUND
    assert failures() == 1
    assert delete(client, id=str(user.pk), token="Shadow-1").json()["count"] == 1
    assert (verified(client, "ivan", token), verified(client, str(shadow.pk), theirs)) == (True, False)


def test_failures_hold_the_account_back_at_every_door(client, user, token):
    for number in range(5):
        path, name, secret = [(AUTH, "username", "password"), (CONTROL, "id", "token")][number % 2]
        assert answer(client.get(path, {name: "ivan", secret: "wrong"})) == NOT_FOUND
    held = client.get(CONTROL, {"id": str(user.pk), "token": PASSWORD})
    assert answer(held) == refused(429, "TooManyRequests")
    assert 1 <= int(held["Retry-After"]) <= 30
    assert answer(client.get(AUTH, {"username": "ivan", "password": PASSWORD})) == refused(429, "TooManyRequests")
    assert answer(delete(client, id="ivan", token=PASSWORD)) == refused(429, "TooManyRequests")
    assert untouched()
    # A token is not guessed, so it goes on working.
    assert verified(client, "ivan", token) is True
    assert client.get(CONTROL, {"id": "ivan", "token": token}).json()["count"] == 1


def test_wrong_tokens_cost_one_query_at_verifying(client, user, token, settings, django_assert_num_queries):
    settings.ACCOUNTS_RATE_LIMITS = False
    revoked = open_as("cabinet", user)
    SignIn.objects.filter(dialect="cabinet").update(revoked=timezone.now())
    for wrong in (revoked, opaque.new_cabinet(), opaque.new_gigachat(user.pk)):
        with django_assert_num_queries(1):
            assert not verified(client, "ivan", wrong)


# The list


def test_the_list_is_whole(client, user):
    with time_machine.travel("2026-01-02 03:04:05.678+00:00", tick=False):
        tokens = [open_as(dialect, user, agent) for dialect, agent in zip(DIALECTS, ["A", "Б", "", "%_"], strict=True)]
        open_as("gigachat", make_user("peter"))
    ids = list(SignIn.objects.filter(user=user).order_by("id").values_list("pk", flat=True))
    expires = ["2026-02-01-03:04:05", "2026-02-01-03:04:05", "2026-01-16-03:04:05", "2026-01-02-07:04:05"]
    with time_machine.travel("2026-01-02 03:06:07+00:00", tick=False):
        response = client.get(CONTROL, {"id": "ivan", "token": tokens[1]})
    entries = [
        {
            "id": ids[n],
            "dialect": DIALECTS[n],
            "agent": ["A", "Б", "", "%_"][n],
            "started": "2026-01-02-03:04:05",
            "last_used": "2026-01-02-03:06:07" if n == 1 else "2026-01-02-03:04:05",
            "expires": expires[n],
            "current": n == 1,
        }
        for n in (3, 2, 1, 0)
    ]
    assert answer(response) == (200, {"status": "Done", "count": 4, "data": entries})
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
    text = response.content.decode()
    for row, token in zip(SignIn.objects.filter(user=user).order_by("id"), tokens, strict=True):
        assert token not in text
        assert str(row.uuid) not in text
        assert row.digest is None or bytes(row.digest).hex() not in text


def test_newest_first_and_only_what_works(client, user):
    now = timezone.now()
    ends: list[dict[str, Any]] = [{"expires": now}, {"revoked": now}, {"stamp": "0" * 32}]
    for columns in ends:
        open_as("gigachat", user)
        SignIn.objects.filter(pk=SignIn.objects.latest("id").pk).update(**columns)
    early, late = open_as("gigachat", user, "early"), open_as("gigachat", user, "late")
    listed = client.get(CONTROL, {"id": "ivan", "token": early}).json()
    assert [(entry["agent"], entry["current"]) for entry in listed["data"]] == [("late", False), ("early", True)]
    assert listed["count"] == 2
    assert verified(client, "ivan", late)


def test_the_newest_of_one_second_is_first_in_whatever_dialect(client, user):
    with time_machine.travel("2026-01-02 03:04:05.678+00:00", tick=False):
        tokens = [open_as(dialect, user) for dialect in ("cabinet", "goncord", "gigachat", "registration")]
        listed = client.get(CONTROL, {"id": "ivan", "token": tokens[0]}).json()["data"]
    assert [entry["dialect"] for entry in listed] == ["registration", "gigachat", "goncord", "cabinet"]


# Deleting


def test_what_was_ended_is_refused_by_the_next_request_of_every_dialect(client, user):
    tokens = [open_as(dialect, user) for dialect in DIALECTS]
    cabinet = {"Authorization": tokens[1]}
    assert client.get("/account/me", headers=cabinet).status_code == 200
    assert client.get("/validate/jwt/access", {"access": tokens[3]}).json() is True
    assert answer(delete(client, id="ivan", token=tokens[0])) == (200, {"status": "Done", "count": 4})
    assert client.get("/account/me", headers=cabinet).status_code == 403
    assert client.get("/validate/jwt/access", {"access": tokens[3]}).json() is False
    assert [verified(client, "ivan", token) for token in tokens] == [False] * 4
    # A second one finds nothing to end with, and does not say it did.
    assert answer(delete(client, id="ivan", token=tokens[0])) == NOT_FOUND


@pytest.mark.parametrize(("agent", "count"), [("firefox", 1), ("ЧАТ", 1), ("%", 1), ("_", 1), ("\\", 1), ("opera", 0)])
def test_deleting_by_agent(client, user, token, agent, count):
    for name in ("Mozilla Firefox", "чат", "100%", "a_b", "c\\d"):
        open_as("gigachat", user, name)
    assert answer(delete(client, id="ivan", token=token, agent=agent)) == (200, {"status": "Done", "count": count})
    assert SignIn.objects.filter(revoked__isnull=True).count() == 6 - count
    assert verified(client, "ivan", token) is True


def test_deleting_by_date_and_by_both(client, user):
    for day, agent in ((1, "Chat"), (1, "Mail"), (2, "Chat")):
        with time_machine.travel(f"2026-01-0{day} 12:00:00+00:00", tick=False):
            token = open_as("gigachat", user, agent)
    with time_machine.travel("2026-01-03 12:00:00+00:00"):
        arguments = {"id": "ivan", "token": token}
        assert delete(client, **arguments, started="2026-01-01-12:00:00").json()["count"] == 0
        assert delete(client, **arguments, started="2026-01-02-12:00:00", agent="chat").json()["count"] == 1
        assert delete(client, **arguments, started="2026-01-01-12:00:01").json()["count"] == 1
        assert delete(client, **arguments, started="9999-12-31-23:59:59").json()["count"] == 1
        assert answer(delete(client, **arguments)) == NOT_FOUND


def test_the_listed_date_is_the_date_that_is_taken(client, user, token):
    listed = client.get(CONTROL, {"id": "ivan", "token": token}).json()["data"][0]["started"]
    assert delete(client, id="ivan", token=token, started=listed).json()["count"] == 0
    assert verified(client, "ivan", token) is True


BAD_DATES = [
    "nonsense", "2026-01-01", "2026-01-01 12:00:00", "2026-01-01T12:00:00", "2026-01-01-12:00", "2026-1-1-1:1:1",
    "2026-02-30-00:00:00", "2026-01-01-24:00:00", "2026-01-01-00:00:60", "0000-01-01-00:00:00", "2026-01-01-12:00:00Z",
    "2026-01-01-12:00:00 ", " 2026-01-01-12:00:00", "2026-01-01-12:00:00.5", "٢٠٢٦-01-01-12:00:00", "%Y-%m-%d-%H:%M:%S",
    "2026-01-01-12:00:00\x00", "20260-01-01-12:00:00", "-026-01-01-12:00:00", "1767225600", "x" * 300,
]  # fmt: skip


@pytest.mark.parametrize("date", BAD_DATES)
def test_a_date_that_is_not_written_so(client, user, token, date):
    assert answer(delete(client, id="ivan", token=token, started=date)) == refused(400, "NotValidDate")
    assert answer(delete(client, id="ivan", token=open_as("cabinet", make_user("peter")), started=date)) == NOT_FOUND
    assert untouched()


def test_the_first_day_of_all(client, user, token):
    assert delete(client, id="ivan", token=token, started="0001-01-01-00:00:00").json()["count"] == 0


@pytest.mark.parametrize("agent", ["x\x00", "x" * 256])
def test_an_agent_that_cannot_be(client, user, token, agent):
    assert answer(delete(client, id="ivan", token=token, agent=agent)) == NOT_FOUND
    assert untouched()


def test_empty_conditions_are_none(client, user, token):
    assert delete(client, id="ivan", token=token, agent="", started="").json()["count"] == 1


def test_of_a_repeated_condition_the_last_counts(client, user, token):
    query = f"?id=nobody&id=ivan&token=x&token={token}&agent=opera&agent=test"
    assert client.delete(CONTROL + query).json()["count"] == 1


def test_head_lists_and_ends_nothing(client, user, token):
    head = client.head(CONTROL, {"id": "ivan", "token": token})
    assert (head.status_code, head.content) == (200, b"")
    overriding = {"X-HTTP-Method-Override": "DELETE"}
    assert client.get(CONTROL, {"id": "ivan", "token": token}, headers=overriding).json()["count"] == 1
    assert untouched()


def test_a_body_of_delete_is_not_read_by_contract(client, user, token):
    response = client.delete(f"{CONTROL}?id=ivan", json.dumps({"token": token}), content_type=JSON)
    assert answer(response) == LACKING
    assert untouched()


# Where secrets are refused in query strings


def test_unsafe_handling(client, user, token, settings):
    settings.ACCOUNTS_REFUSE_SECRETS_IN_QUERY = True
    unsafe, bearer = refused(406, "UnsafeHandling"), {"Authorization": f"Bearer {token}"}
    assert answer(client.get(AUTH, {"username": "ivan", "password": PASSWORD})) == unsafe
    assert answer(client.post(f"{AUTH}?password={PASSWORD}", {"username": "ivan", "password": PASSWORD})) == unsafe
    assert answer(client.get(VERIFY, {"id": "ivan", "token": token})) == unsafe
    assert answer(client.get(CONTROL, {"id": "ivan", "token": token}, headers=bearer)) == unsafe
    assert answer(delete(client, id="ivan", token=token)) == unsafe
    assert untouched()
    assert SignIn.objects.count() == 1

    assert client.post(AUTH, {"username": "ivan", "password": PASSWORD}).status_code == 200
    assert client.get(VERIFY, {"id": "ivan"}, headers=bearer).json()["data"] is True
    assert client.get(CONTROL, {"id": "ivan"}, headers=bearer).json()["count"] == 2
    assert client.delete(CONTROL, query_params={"id": "ivan", "agent": "opera"}, headers=bearer).json()["count"] == 0


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "form"])
def test_delete_then_has_a_body(client, user, token, settings, as_json):
    settings.ACCOUNTS_REFUSE_SECRETS_IN_QUERY = True
    open_as("cabinet", user, "Opera")

    def ending(**form):
        if as_json:
            return client.delete(f"{CONTROL}?agent=nothing&id=nobody", json.dumps(form), content_type=JSON)
        pairs = "&".join(f"{name}={value}" for name, value in form.items())
        query = f"{CONTROL}?agent=nothing&id=nobody"
        return client.delete(query, pairs, content_type="application/x-www-form-urlencoded")

    assert answer(ending(token=token)) == NOT_FOUND
    assert ending(token=token, id=user.pk).json()["count"] == 0
    assert ending(token=token, id=user.pk, agent="OPERA").json()["count"] == 1
    assert answer(ending(token=token, id="ivan", agent="test", started="x")) == refused(400, "NotValidDate")
    assert ending(token=PASSWORD, id="ivan", agent="test").json()["count"] == 1


@pytest.mark.parametrize("field", ["id", "token", "agent"])
@pytest.mark.parametrize("value", [True, 1.5, ["ivan"], {"a": 1}, "x\x00", "x" * 300])
def test_wrong_types_in_the_body_of_delete(client, user, token, settings, field, value):
    settings.ACCOUNTS_REFUSE_SECRETS_IN_QUERY = True
    form = json.dumps({"id": "ivan", "token": token, field: value})
    assert answer(client.delete(CONTROL, form, content_type=JSON)) == NOT_FOUND
    assert untouched()


def test_unreadable_bodies_of_delete(client, user, token, settings):
    settings.ACCOUNTS_REFUSE_SECRETS_IN_QUERY = True
    for body in (b"{", b"[]", b"\xff"):
        assert answer(client.delete(CONTROL, body, content_type=JSON)) == refused(400, "LackOfArgument")
    assert answer(client.delete(CONTROL, b"x", content_type="text/plain")) == refused(415, "UnsupportedMediaType")
    for value in (5, True, ["2026-01-01-12:00:00"]):
        form = json.dumps({"id": "ivan", "token": token, "started": value})
        assert answer(client.delete(CONTROL, form, content_type=JSON)) == refused(400, "NotValidDate")
    assert untouched()


# What it costs, and what is kept


def test_queries_of_each_call(client, user, django_assert_num_queries, settings):
    # What the counters of passwords cost is told by `test_lockout`.
    settings.ACCOUNTS_RATE_LIMITS = False
    tokens = [open_as(dialect, user) for dialect in DIALECTS]
    for token_type in TokenType:
        keys.verifying_keys(token_type)
    for token in tokens:
        with django_assert_num_queries(1):
            assert verified(client, "ivan", token)
        with django_assert_num_queries(1):
            assert not verified(client, "nobody", token)
        with django_assert_num_queries(2):
            client.get(CONTROL, {"id": "ivan", "token": token})
        # Whose it is; the statement in a transaction; and its event, when there is one.
        with django_assert_num_queries(4):
            delete(client, id="ivan", token=token, agent="nothing")
        open_as("cabinet", user, "Opera")
        with django_assert_num_queries(5):
            delete(client, id="ivan", token=token, agent="opera")
        with django_assert_num_queries(0):
            client.get(VERIFY, {"id": "ivan"})
    for nonsense in ("x", "a.b.c", "user.1.x"):
        with django_assert_num_queries(0):
            assert not verified(client, "ivan", nonsense)
    with django_assert_num_queries(2):
        client.get(CONTROL, {"id": "ivan", "token": PASSWORD})
    with django_assert_num_queries(2):
        client.get(CONTROL, {"id": str(user.pk), "token": PASSWORD})


def statements(call):
    with CaptureQueriesContext(connection) as asked:
        call()
    return [query["sql"].split()[0] for query in asked.captured_queries]


def test_refusals_ask_as_much_for_an_unknown_account(client, user):
    # The counters of the address and of everybody are there from now on.
    client.get(AUTH, {"username": "somebody", "password": "wrong"})
    for path, name, secret in ((AUTH, "username", "password"), (CONTROL, "id", "token")):
        known = statements(partial(client.get, path, {name: "ivan", secret: "wrong"}))
        unknown = statements(partial(client.get, path, {name: "nobody", secret: "wrong"}))
        assert known == unknown


def test_last_used_is_written_once_a_minute(client, user, token):
    started = SignIn.objects.get().started
    with time_machine.travel(started + timedelta(seconds=59), tick=False):
        verified(client, "ivan", token)
    assert SignIn.objects.get().last_used == started
    with time_machine.travel(started + timedelta(seconds=61), tick=False):
        assert statements(lambda: verified(client, "ivan", token)) == ["SELECT", "UPDATE"]
        assert statements(lambda: verified(client, "ivan", token)) == ["SELECT"]
    assert SignIn.objects.get().last_used == started + timedelta(seconds=61)


def test_a_hundred_thousand_tokens_are_all_different():
    made = {opaque.new_gigachat(1).rpartition(".")[2] for _ in range(100_000)}
    assert len(made) == 100_000
    assert {len(secret) for secret in made} == {43}


def test_a_dump_of_the_database_opens_nothing(client, user):
    tokens = {dialect: open_as(dialect, user) for dialect in DIALECTS}
    columns = [field.attname for field in SignIn._meta.fields]
    for row in SignIn.objects.values_list(*columns):
        for value in row:
            texts = [bytes(value).hex()] if isinstance(value, bytes | memoryview) else [str(value)]
            for text in texts:
                assert all(token not in text for token in tokens.values())
                assert verified(client, "ivan", text) is False
                assert verified(client, "ivan", f"user.{user.pk}.{text}") is False


def test_no_secret_in_any_log_line(client, user, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    client.raise_request_exception = False
    secret, token = "MARKER-of-a-secret", open_as("gigachat", user)
    make_user("marked", password=secret)
    client.get(AUTH, {"username": "ivan", "password": secret})
    client.get(AUTH, {"username": "marked", "password": secret})
    client.get(AUTH, {"password": secret})
    client.get(CONTROL, {"id": "ivan", "token": secret})
    client.get(CONTROL, {"id": "ivan", "token": token})
    client.get(VERIFY, {"id": "ivan", "token": token}, headers={"Authorization": f"Bearer {secret}"})
    delete(client, id="ivan", token=token, started="x")
    delete(client, id="ivan", token=secret)
    client.get(f"/control/nothing?token={secret}")
    monkeypatch.setattr(resolving, "resolve", lambda *args: 1 / 0)
    assert answer(client.get(CONTROL, {"id": "ivan", "token": token})) == refused(500, "ServerError", "ServerError")
    assert caplog.records
    for text in (caplog.text, str(list(Event.objects.values()))):
        assert secret not in text
        assert token not in text
