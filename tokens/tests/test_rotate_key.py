"""`rotate_key`: a new key without one valid token refused, or at once when the old one has leaked."""

import io
import json
from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.models import Event
from accounts.tests.goncord import Goncord
from authsite.tests.races import race
from tokens.formats import TokenType
from tokens.models import SigningKey
from tokens.services import keys

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = io.StringIO()
    call_command("rotate_key", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def goncord(client):
    goncord = Goncord(client)
    goncord.register()
    goncord.sign_in(login="test", password="password")
    return goncord


def test_a_rotation_refuses_no_token(goncord):
    before = goncord.jwt
    with time_machine.travel(timezone.now(), tick=False) as clock:
        moment = timezone.now() + timedelta(seconds=10)
        assert run("goncord") == f"Key 2 of goncord signs from {moment:%Y-%m-%d %H:%M:%S} UTC.\n"
        assert goncord.validate().status_code == 200
        clock.shift(timedelta(seconds=11))
        assert goncord.validate().status_code == 200
        goncord.sign_in(login="test", password="password")
        assert goncord.validate().status_code == 200
        goncord.jwt = before
        assert goncord.validate().status_code == 200
    event = Event.objects.get(kind=Event.Kind.KEY_ROTATED)
    assert (event.actor, event.details) == ("command", {"token_type": "goncord", "generation": 2})


def test_a_leaked_key_opens_nothing_any_more(goncord):
    printed = json.loads(run("goncord", "--now", "--json"))
    key = SigningKey.objects.get(generation=2)
    assert printed == {
        "token_type": "goncord",
        "generation": 2,
        "algorithm": "HS512",
        "signs_from": key.current_from.isoformat(),
    }
    assert goncord.validate().status_code == 401
    goncord.sign_in(login="test", password="password")
    assert goncord.validate().status_code == 200


@pytest.mark.parametrize("token_type", list(keys.ALGORITHMS))
def test_every_type_that_is_signed_has_a_ring_of_its_own(token_type):
    others = {other: keys.signing_key(other) for other in keys.ALGORITHMS if other != token_type}
    run(str(token_type), "--now")
    assert {other: keys.signing_key(other) for other in others} == others


@pytest.mark.parametrize("arguments", [["cabinet"], ["GONCORD"], ["nonsense"]])
def test_what_is_not_signed_has_no_key(arguments):
    with pytest.raises(CommandError, match="invalid choice"):
        run(*arguments)
    assert not SigningKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_rotations_at_once_lose_no_key():
    old = keys.signing_key(TokenType.GONCORD)
    outcomes = race(6, lambda _: run("goncord"))
    made = [outcome for outcome in outcomes if isinstance(outcome, str)]
    refused = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    assert made
    assert all(isinstance(outcome, CommandError) and "came first" in str(outcome) for outcome in refused)
    rows = list(SigningKey.objects.order_by("generation").values_list("generation", "retire_after"))
    assert [generation for generation, _ in rows] == list(range(1, len(made) + 2))
    assert [retires is None for _, retires in rows] == [False] * len(made) + [True]
    assert old in keys.verifying_keys(TokenType.GONCORD)
