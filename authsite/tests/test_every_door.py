"""One account, every door: made by any dialect, it signs in by every other, with the same secret."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.clients import Dialect
from accounts.models import Event, User
from authsite.tests.doors import CALLS, PASSWORD, REGISTRATIONS, SIGN_INS
from tokens.models import SignIn

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("registration", REGISTRATIONS, ids=str)
def test_an_account_made_at_one_door_opens_every_other(client, registration):
    assert registration(client).status_code in (200, 201)
    user = User.objects.get()
    SignIn.objects.all().delete()
    identifiers = [text for text in (user.username, user.email, user.phone) if text]
    assert len(identifiers) > 1
    for door in SIGN_INS:
        for identifier in (*identifiers, *(text.upper() for text in identifiers)):
            response = door(client, identifier, user_agent="Test 1.0")
            assert response.status_code == door.status, (str(door), identifier, response.content)
            row = SignIn.objects.get()
            assert (row.user, row.dialect) == (user, door.dialect)
            if identifier == user.username:
                for token_type, token in door.tokens(response.json()).items():
                    calls = [call for call in CALLS if token_type in call.opens and call.method == "GET"]
                    assert [str(call) for call in calls if not call.opened(call(client, token, user))] == []
            row.delete()


@pytest.mark.parametrize("registration", REGISTRATIONS, ids=str)
def test_no_door_opens_to_another_secret(client, registration, settings):
    settings.ACCOUNTS_RATE_LIMITS = False
    registration(client)
    user = User.objects.get()
    SignIn.objects.all().delete()
    secrets = (PASSWORD[:-1], PASSWORD + " ", PASSWORD.swapcase(), user.password, "x" * 257, "x" * 7_000)
    names = [text for text in (user.email, user.phone, "nobody", "no@body.ru", "+79990009999", "@", "+") if text]
    guesses = [(user.username, secret) for secret in secrets] + [(name, "wrong") for name in names]
    for door in SIGN_INS:
        status, key = door.refused
        answers = set()
        for identifier, secret in guesses:
            response = door(client, identifier, secret)
            assert response.status_code == status, (str(door), identifier, secret[:20], response.content)
            assert key in response.json()
            answers.add(response.content)
        # Unknown account, wrong password and malformed password alike: a caller cannot tell which.
        assert len(answers) == 1, str(door)
    assert not SignIn.objects.exists()


def test_a_registration_a_sign_in_and_a_refusal_are_one_event_each(client):
    def told():
        (event,) = Event.objects.all()
        assert abs(timezone.now() - event.time) < timedelta(minutes=1)
        assert (event.user_ref, event.actor, event.details) == (event.user.pk, "", {})
        Event.objects.all().delete()
        return event.kind, event.dialect, event.ip, event.agent, event.succeeded

    for registration in {registration.dialect: registration for registration in REGISTRATIONS}.values():
        assert registration(client).status_code in (200, 201)
        user, dialect = User.objects.latest("pk"), registration.dialect
        # Where the answer holds a token, that is a sign-in as well.
        Event.objects.filter(kind="signed_in", user=user, dialect=dialect).delete()
        assert told()[:3] == ("registered", dialect, "127.0.0.1")
        for door in SIGN_INS:
            name = {"email": user.email, "phone_number": user.phone}.get(door.name) or user.username
            assert door(client, name, **{"User-Agent": "Test 1.0"}).status_code == door.status
            agent = door.headers.get("browser", "Test 1.0")
            assert told() == ("signed_in", door.dialect, "127.0.0.1", agent, True)
        for door in SIGN_INS[::3]:
            assert door(client, user.username, "wrong", **{"User-Agent": "Test 1.0"}).status_code == door.refused[0]
            agent = door.headers.get("browser", "Test 1.0")
            assert told() == ("sign_in_refused", door.dialect, "127.0.0.1", agent, False)


@pytest.mark.parametrize("second", REGISTRATIONS, ids=str)
@pytest.mark.parametrize("first", REGISTRATIONS, ids=str)
def test_what_is_taken_at_one_door_is_taken_at_all(client, first, second):
    assert first(client).status_code in (200, 201)
    user = User.objects.get()
    names = {"username": user.username, "login": user.username}
    contact = user.email or user.phone
    taken = {"contact": contact, "email": user.email, "phone_number": user.phone}
    for name, value in {**names, **taken}.items():
        if name not in second.form or not value or (name == "login" and not value.islower()):
            continue
        before = (User.objects.count(), SignIn.objects.count(), Event.objects.count())
        response = second(client, **{name: value})
        assert (
            response.status_code
            == {
                Dialect.GIGACHAT: 409,
                Dialect.GONCORD: 422,
                Dialect.REGISTRATION: 409,
                Dialect.CABINET: 400,
            }[second.dialect]
        ), (name, response.content)
        assert (User.objects.count(), SignIn.objects.count(), Event.objects.count()) == before
