"""accounts/passwords.py: how many hashes there are at a time, and what becomes of the rest."""

import os
import sys
import threading
import time

import pytest
from django.contrib.auth.hashers import make_password

from accounts import passwords
from accounts.clients import Dialect
from accounts.errors import InvalidCredentials, Unavailable
from accounts.models import AttemptCounter, User
from accounts.passwords import Room
from accounts.services import credentials
from accounts.tests.factories import HERE, PASSWORD, make_user
from authsite.tests.races import race


class Door:
    """Stands in for the hash: everybody waits before it until it opens; it knows how many, and who, were inside."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.threads: set[int] = set()
        self.open, self.has_two = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> bool:
        with self._lock:
            self.inside += 1
            self.threads.add(threading.get_ident())
            self.most = max(self.most, self.inside)
            if self.inside == 2:
                self.has_two.set()
        self.open.wait(10)
        with self._lock:
            self.inside -= 1
        return True


@pytest.fixture
def door(monkeypatch):
    door = Door()
    monkeypatch.setattr(passwords, "check_password", door)
    room = Room(2, 3)
    monkeypatch.setattr(passwords, "_room", lambda: room)
    return door


def test_two_are_hashed_three_wait_and_the_rest_hear_so_at_once(door):
    took: dict[int, float] = {}

    def hash_one(number: int) -> bool:
        begin = time.monotonic()
        try:
            return passwords.matches("x", "y")
        finally:
            took[number] = time.monotonic() - begin
            if len(took) == 7:
                # The seven that found no room are gone, while nobody inside has finished.
                assert door.has_two.wait(10)
                door.open.set()

    outcomes = race(12, hash_one)
    assert [type(outcome) for outcome in outcomes].count(Unavailable) == 7
    assert outcomes.count(True) == 5
    assert door.most == 2
    # Each of them keeps the memory of a hash.
    assert len(door.threads) == 2
    refused = [took[number] for number, outcome in enumerate(outcomes) if isinstance(outcome, Unavailable)]
    assert max(refused) < 5


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_who_hashes_steps_back_for_who_needs_a_core_for_a_moment():
    def priority(*_: str) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert Room(1, 0).hash(priority) == min(priority() + 10, 19)


def test_a_place_is_given_back_also_after_an_error(monkeypatch):
    def broken(*_: object) -> bool:
        raise ValueError

    monkeypatch.setattr(passwords, "check_password", broken)
    room = Room(1, 0)
    monkeypatch.setattr(passwords, "_room", lambda: room)
    for _ in range(3):
        with pytest.raises(ValueError):
            passwords.matches("x", "y")
    with pytest.raises(ValueError):
        passwords.matches("x", "y")


@pytest.fixture
def full(monkeypatch):
    """A worker with no room left."""
    room = Room(1, 0)
    room._places.acquire()
    monkeypatch.setattr(passwords, "_room", lambda: room)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/account/login", {"login": "ivan", "password": PASSWORD}, "errorMessage"),
        ("/api/v0/tokens", {"login": "ivan", "password": PASSWORD}, "error"),
        ("/authorization/login/email", {"email": "ivan", "hash_password": PASSWORD}, "message"),
        ("/account/login", {"login": "nobody", "password": PASSWORD}, "errorMessage"),
    ],
)
def test_no_room_is_503_in_the_dialects_own_words_and_counts_against_nobody(client, path, body, answer, request):
    make_user()
    request.getfixturevalue("full")
    response = client.post(path, body, content_type="application/json", headers={"browser": "Test 1"})
    assert response.status_code == 503
    assert response.json() == {answer: "The service is not available right now. Try again shortly."}
    assert response["Retry-After"] == "1"
    assert not AttemptCounter.objects.filter(count__gt=0).exists()


@pytest.mark.django_db
def test_no_room_for_a_better_hash_is_no_reason_to_refuse_a_sign_in(monkeypatch):
    user = make_user()
    old = make_password(PASSWORD, hasher="pbkdf2_sha256")
    User.objects.filter(pk=user.pk).update(password=old)

    def no_room(_: str) -> str:
        raise Unavailable

    monkeypatch.setattr(passwords, "hashed", no_room)
    assert credentials.authenticate("ivan", PASSWORD, dialect=Dialect.SITE, client=HERE) == user
    user.refresh_from_db()
    assert user.password == old
    with pytest.raises(InvalidCredentials):
        credentials.authenticate("ivan", "wrong", dialect=Dialect.SITE, client=HERE)
