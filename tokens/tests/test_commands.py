"""The operator's commands about sign-ins."""

import io
import json
import threading
import tracemalloc
from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.clients import Client, Dialect
from accounts.models import AttemptCounter, Event, User
from accounts.services import accounts, purging
from accounts.tests.factories import HERE, make_user
from oauth_providers.models import AuthorizationAttempt
from tokens.formats import TokenType
from tokens.models import SignIn, SigningKey
from tokens.services import keys, ledger, revocation

pytestmark = pytest.mark.django_db


def run(*arguments):
    output = io.StringIO()
    call_command(*map(str, arguments), stdout=output)
    return output.getvalue().splitlines()


def told(*arguments):
    return [json.loads(line) for line in run(*arguments, "--json")]


def refused(*arguments):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 1
    return str(caught.value)


def sign_in(user, agent="Firefox", dialect=Dialect.CABINET):
    return ledger.open_sign_in(user, dialect=dialect, client=Client(agent=agent, ip="192.0.2.1")).sign_in


def many_expired(user, number):
    old = timezone.now() - timedelta(days=40)
    SignIn.objects.bulk_create(
        SignIn(user=user, dialect="cabinet", started=old, last_used=old, expires=old + timedelta(days=30), stamp="x")
        for _ in range(number)
    )


# list_tokens


def test_working_sign_ins_are_listed_newest_first_without_secrets():
    ivan, anna = make_user("ivan"), make_user("anna")
    grant = ledger.open_sign_in(ivan, dialect=Dialect.CABINET, client=Client(agent="ЯНДЕКС\n\x1b", ip="192.0.2.1"))
    second, over, others = sign_in(ivan), sign_in(ivan), sign_in(anna, dialect=Dialect.GONCORD)
    revocation.revoke(over)

    def ids(*arguments):
        return [row["id"] for row in told("list_tokens", *arguments)]

    row = grant.sign_in
    assert told("list_tokens", "ivan")[1] == {
        "id": row.pk,
        "user_id": ivan.pk,
        "username": "ivan",
        "dialect": "cabinet",
        "agent": "ЯНДЕКС\n\x1b",
        "ip": "192.0.2.1",
        "started": row.started.isoformat(),
        "last_used": row.last_used.isoformat(),
        "expires": row.expires.isoformat(),
        "revoked": None,
    }
    assert ids() == [others.pk, second.pk, row.pk]
    assert ids("ivan") == [second.pk, row.pk]
    assert ids("ivan", "--ended") == [over.pk, second.pk, row.pk]
    assert ids("--agent", "яндекс") == [row.pk]
    assert ids("--dialect", "goncord") == [others.pk]
    assert ids("--limit", "1") == [others.pk]
    assert ids("--limit", "0") == [others.pk, second.pk, row.pk]
    lines = run("list_tokens")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert grant.secret not in "\n".join(lines)
    assert refused("list_tokens", "nobody") == "nobody: There is no such user."


# revoke_tokens


def test_all_of_an_account_ends_with_its_session():
    user, other = make_user("ivan"), make_user("anna")
    sign_in(user)
    sign_in(user, dialect=Dialect.GONCORD)
    kept = sign_in(other)
    stamp = user.credentials_stamp
    assert told("revoke_tokens", "ivan", "--dry-run") == [{"count": 2, "dry_run": True}]
    assert SignIn.objects.working().count() == 3
    assert run("revoke_tokens", "ivan") == ["2 sign-ins ended."]
    assert list(SignIn.objects.working()) == [kept]
    assert User.objects.get(pk=user.pk).credentials_stamp != stamp
    event = Event.objects.latest("id")
    assert (event.kind, event.actor, event.user) == ("sign_in_ended", "command", user)
    assert told("revoke_tokens", "ivan") == [{"count": 0, "dry_run": False}]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--all"], 4),
        (["--agent", "яНдекс"], 1),
        (["--dialect", "goncord"], 1),
        (["ivan", "--agent", "fire"], 1),
        (["anna", "--dialect", "cabinet"], 1),
        (["--before", "{tomorrow}"], 4),
        (["--before", "{yesterday}"], 1),
        (["--before", "{yesterday}T00:00:00+00:00", "--agent", "yandex"], 0),
        (["anna", "--before", "{tomorrow}-00:00:00"], 2),
    ],
)
def test_what_matches_ends(arguments, count):
    ivan, anna = make_user("ivan"), make_user("anna")
    old = sign_in(ivan)
    sign_in(ivan, "Яндекс")
    sign_in(anna)
    sign_in(anna, dialect=Dialect.GONCORD)
    SignIn.objects.filter(pk=old.pk).update(started=timezone.now() - timedelta(days=5))
    now = timezone.now()
    days = {"tomorrow": (now + timedelta(days=1)).date(), "yesterday": (now - timedelta(days=1)).date()}
    said = [argument.format(**days) for argument in arguments]
    assert told("revoke_tokens", *said, "--dry-run") == [{"count": count, "dry_run": True}]
    assert SignIn.objects.working().count() == 4
    assert told("revoke_tokens", *said) == [{"count": count, "dry_run": False}]
    assert SignIn.objects.working().count() == 4 - count


@pytest.mark.parametrize("arguments", [[], ["--all", "ivan"], ["--all", "--agent", "x"], ["--dry-run"], ["nobody"]])
def test_what_is_not_clear_ends_nothing(arguments):
    sign_in(make_user("ivan"))
    before = (list(SignIn.objects.values()), Event.objects.count())
    refused("revoke_tokens", *arguments)
    assert (list(SignIn.objects.values()), Event.objects.count()) == before


# purge


def test_what_is_over_is_deleted_and_nothing_else(settings):
    user = make_user("ivan")
    working, ended = sign_in(user), sign_in(user)
    revocation.revoke(ended)
    many_expired(user, 3)
    now = timezone.now()
    Event.objects.create(kind="signed_in", time=now - timedelta(days=399))
    Event.objects.create(kind="signed_in", time=now - timedelta(days=401))
    Session.objects.create(session_key="old", session_data="x", expire_date=now - timedelta(seconds=1))
    Session.objects.create(session_key="new", session_data="x", expire_date=now + timedelta(days=1))
    AttemptCounter.objects.create(key="old", until=1)
    AuthorizationAttempt.objects.create(provider="vk", started=now - timedelta(days=1))
    AuthorizationAttempt.objects.create(provider="vk", started=now)
    for _ in range(3):
        keys.rotate(TokenType.GONCORD, retire_now=True)
    SigningKey.objects.filter(generation__lt=3).update(retire_after=now - timedelta(days=2))
    SigningKey.objects.filter(generation=3).update(retire_after=now - timedelta(days=2))
    counts = {"sign_ins": 3, "signing_keys": 2, "events": 1, "counters": 1, "admin_sessions": 1}
    counts["provider_attempts"] = 1
    counters = AttemptCounter.objects.count()

    def kept():
        return [model.objects.count() for model in (SignIn, SigningKey, Event, AttemptCounter, Session)]

    before = kept()
    assert told("purge", "--dry-run") == [{**counts, "dry_run": True}]
    assert kept() == before
    assert told("purge", "--only", "events", "--dry-run") == [{"events": 1, "dry_run": True}]
    assert told("purge") == [{**counts, "dry_run": False}]
    assert set(SignIn.objects.all()) == {working, ended}
    assert [key.generation for key in SigningKey.objects.all()] == [3]
    assert not Event.objects.filter(time__lt=now - timedelta(days=400)).exists()
    assert Event.objects.filter(time__lt=now - timedelta(days=398)).count() == 1
    assert [session.session_key for session in Session.objects.all()] == ["new"]
    assert AttemptCounter.objects.count() == counters - 1
    assert AuthorizationAttempt.objects.count() == 1
    assert run("purge")[0] == "sign_ins: 0 deleted."
    settings.ACCOUNTS_EVENT_DAYS = 300
    assert told("purge", "--only", "events") == [{"events": 1, "dry_run": False}]


def test_batches_bound_each_statement_and_each_transaction(monkeypatch):
    monkeypatch.setattr(purging, "BATCH", 10)
    many_expired(make_user("ivan"), 25)
    with CaptureQueriesContext(connection) as captured:
        assert list(purging.in_batches(ledger.over(), oldest_first="expires")) == [10, 10, 5]
    deletes = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("DELETE")]
    assert len(deletes) == 3
    selects = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("SELECT")]
    assert all("LIMIT 10" in sql for sql in selects)
    if connection.vendor == "postgresql":
        assert all("SKIP LOCKED" in sql for sql in selects)


def test_memory_holds_the_keys_of_one_batch(monkeypatch):
    monkeypatch.setattr(purging, "BATCH", 500)
    user = make_user("ivan")
    peaks = []
    for number in (500, 4_000):
        many_expired(user, number)
        tracemalloc.start()
        assert sum(purging.in_batches(ledger.over(), oldest_first="expires")) == number
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.django_db(transaction=True)
def test_a_purge_waits_for_nobody_who_holds_a_row():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks the whole database, and a purge waits its turn")
    user = make_user("ivan")
    many_expired(user, 5)
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            list(SignIn.objects.order_by("pk").select_for_update()[:2])
            held.set()
            done.wait(30)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(30)
        assert sum(purging.in_batches(ledger.over(), oldest_first="expires")) == 3
    finally:
        done.set()
        thread.join()
    assert sum(purging.in_batches(ledger.over(), oldest_first="expires")) == 2


def test_a_deactivated_account_has_no_working_sign_in_to_list():
    user = make_user("ivan")
    ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE)
    accounts.deactivate(user, actor="command")
    assert run("list_tokens", "ivan") == []
    assert datetime.fromisoformat(told("list_tokens", "ivan", "--ended")[0]["started"])
