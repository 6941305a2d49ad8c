"""tokens/services/keys.py: rings that rotate without refusing one valid token."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tokens.formats import TokenType
from tokens.models import SigningKey
from tokens.services import keys

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_rings():
    keys.forget()
    yield
    keys.forget()


def test_the_first_key_is_made_when_needed_and_stays():
    first = keys.signing_key(TokenType.GONCORD)
    keys.forget()
    assert keys.signing_key(TokenType.GONCORD) == first
    assert len(first) == 64
    assert keys.signing_key(TokenType.REGISTRATION_ACCESS) != first


def test_a_worker_that_read_the_ring_too_early_makes_no_second_first_key(monkeypatch):
    first = keys.signing_key(TokenType.GONCORD)
    read = keys._ring
    rings = iter([[]])
    monkeypatch.setattr(keys, "_ring", lambda token_type: next(rings, None) or read(token_type))
    assert keys.signing_key(TokenType.GONCORD) == first
    # And the rest of the tale, with the insert itself lost to another worker.
    rings, rows = iter([[]]), iter([[]])
    read_rows = keys._rows
    monkeypatch.setattr(keys, "_rows", lambda token_type: next(rows, None) or read_rows(token_type))
    assert keys.signing_key(TokenType.GONCORD) == first
    assert SigningKey.objects.count() == 1


def test_a_first_key_made_by_a_clock_ahead_of_ours_signs_here_too():
    with time_machine.travel(timezone.now() + timedelta(seconds=30), tick=False):
        first = keys.signing_key(TokenType.GONCORD)
    keys.forget()
    assert keys.signing_key(TokenType.GONCORD) == first
    assert SigningKey.objects.count() == 1


def test_the_database_holds_no_key_in_clear():
    secret = keys.signing_key(TokenType.GONCORD)
    assert secret not in bytes(SigningKey.objects.get().sealed_secret)


def test_a_warm_ring_asks_nothing(django_assert_num_queries):
    keys.signing_key(TokenType.GONCORD)
    with django_assert_num_queries(0):
        keys.signing_key(TokenType.GONCORD)
        keys.verifying_keys(TokenType.GONCORD)


def test_a_new_key_verifies_at_once_and_signs_when_every_worker_knows_it():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        old = keys.signing_key(TokenType.GONCORD)
        keys.rotate(TokenType.GONCORD)
        assert keys.signing_key(TokenType.GONCORD) == old
        assert len(keys.verifying_keys(TokenType.GONCORD)) == 2
        clock.shift(timedelta(seconds=11))
        new = keys.signing_key(TokenType.GONCORD)
        assert new != old
        assert keys.verifying_keys(TokenType.GONCORD) == [new, old]
        clock.shift(timedelta(days=14))
        assert keys.verifying_keys(TokenType.GONCORD) == [new]


def test_a_leaked_key_is_retired_at_once():
    old = keys.signing_key(TokenType.GONCORD)
    keys.rotate(TokenType.GONCORD, retire_now=True)
    new = keys.signing_key(TokenType.GONCORD)
    assert keys.verifying_keys(TokenType.GONCORD) == [new]
    assert new != old


def test_a_key_sealed_under_a_lost_secret_is_replaced(settings):
    old = keys.signing_key(TokenType.GONCORD)
    settings.SECRET_KEY = "another secret, fifty characters or more, all of them random"
    keys.forget()
    new = keys.signing_key(TokenType.GONCORD)
    assert new != old
    assert keys.verifying_keys(TokenType.GONCORD) == [new]


def test_a_secret_named_as_fallback_still_opens_its_keys(settings):
    old = keys.signing_key(TokenType.GONCORD)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another secret that is not the same"
    keys.forget()
    assert keys.signing_key(TokenType.GONCORD) == old
