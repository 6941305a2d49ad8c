"""Ending many sign-ins at once: of one account, or of everybody."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.clients import Client, Dialect
from accounts.errors import TokenNotWorking
from accounts.models import Event, User
from accounts.services import accounts
from accounts.tests.factories import make_user
from tokens.formats import TokenType
from tokens.models import LedgerClosing, SignIn
from tokens.services import ledger, resolving, revocation

pytestmark = pytest.mark.django_db
OPAQUE_AND_JWT = (Dialect.CABINET, Dialect.GIGACHAT, Dialect.GONCORD)


def sign_in(user, agent="Firefox", dialect=Dialect.CABINET):
    return ledger.open_sign_in(user, dialect=dialect, client=Client(agent=agent)).sign_in


def ended(**conditions):
    steps = list(revocation.revoke_matching(actor="command", **conditions))
    return steps[-1].ended if steps else 0


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({"agent": "X"}, {"ivan yandex"}),
        ({"agent": "яндекс"}, {"ivan firefox", "anna firefox", "anna goncord"}),
        ({"agent": "%"}, {"ivan firefox", "ivan yandex", "anna firefox", "anna goncord"}),
        ({"dialect": "goncord"}, {"ivan firefox", "ivan yandex", "anna firefox"}),
        ({"user": "ivan"}, {"anna firefox", "anna goncord"}),
        ({"user": "anna", "dialect": "goncord"}, {"ivan firefox", "ivan yandex", "anna firefox"}),
        ({"user": "ivan", "agent": "FIRE"}, {"ivan yandex", "anna firefox", "anna goncord"}),
        ({"started_before": timedelta(days=1)}, {"ivan yandex", "anna firefox", "anna goncord"}),
        ({"started_before": timedelta(days=9)}, {"ivan firefox", "ivan yandex", "anna firefox", "anna goncord"}),
    ],
)
@pytest.mark.parametrize("batch", [1, 2, 5_000])
def test_what_matches_everything_given_ends(conditions, left, batch, monkeypatch):
    monkeypatch.setattr(revocation, "BATCH", batch)
    ivan, anna = make_user("ivan"), make_user("anna")
    rows = {
        "ivan firefox": sign_in(ivan),
        "ivan yandex": sign_in(ivan, "ЯНДЕКС.Браузер"),
        "anna firefox": sign_in(anna),
        "anna goncord": sign_in(anna, dialect=Dialect.GONCORD),
    }
    SignIn.objects.filter(pk=rows["ivan firefox"].pk).update(started=timezone.now() - timedelta(days=2))
    if "started_before" in conditions:
        conditions = {"started_before": timezone.now() - conditions["started_before"]}
    if "user" in conditions:
        conditions = {**conditions, "user": {"ivan": ivan, "anna": anna}[conditions["user"]]}
    assert ended(**conditions) == 4 - len(left)
    working = set(SignIn.objects.working().values_list("pk", flat=True))
    assert working == {rows[name].pk for name in left}
    event = Event.objects.latest("id")
    assert (event.kind, event.actor, event.details["count"]) == ("sign_in_ended", "command", 4 - len(left))
    assert event.user == conditions.get("user")


def test_everybody_is_signed_out_by_one_statement_also_of_the_admin():
    user, member = make_user("ivan"), make_user("root")
    accounts.edit(member, actor="command", is_staff=True)
    grants = [ledger.open_sign_in(user, dialect=dialect, client=Client()) for dialect in OPAQUE_AND_JWT]
    stamps = [user.credentials_stamp, member.credentials_stamp]
    with CaptureQueriesContext(connection) as captured:
        assert revocation.revoke_everybody(actor="command") == 3
    assert not any(query["sql"].startswith('UPDATE "tokens_signin"') for query in captured.captured_queries)
    assert not SignIn.objects.working().exists()
    for grant, token_type in zip(grants, (TokenType.CABINET, TokenType.GIGACHAT, TokenType.GONCORD), strict=True):
        with pytest.raises(TokenNotWorking):
            resolving.resolve(grant.secret, token_type, client=Client())
        with pytest.raises(TokenNotWorking):
            revocation.revoke(grant.sign_in)
    assert revocation.revoke_all(user) == 0
    assert User.objects.get(pk=user.pk).credentials_stamp == stamps[0]
    assert User.objects.get(pk=member.pk).credentials_stamp != stamps[1]
    event = Event.objects.latest("id")
    assert (event.kind, event.user, event.details) == ("sign_in_ended", None, {"everybody": True, "count": 3})
    new = sign_in(user)
    assert list(SignIn.objects.working()) == [new]
    assert revocation.revoke_everybody(actor="command") == 1
    assert not SignIn.objects.working().exists()


def test_a_closed_ledger_is_never_opened_again():
    sign_in(make_user("ivan"))
    LedgerClosing.objects.close(10**6)
    LedgerClosing.objects.close(1)
    assert LedgerClosing.objects.get().upto == 10**6


def test_who_stops_in_the_middle_leaves_a_record_of_what_was_done(monkeypatch):
    monkeypatch.setattr(revocation, "BATCH", 2)
    user = make_user("ivan")
    for _ in range(5):
        sign_in(user)
    steps = revocation.revoke_matching(actor="command")
    assert next(steps).ended == 2
    steps.close()
    assert SignIn.objects.working().count() == 3
    assert Event.objects.latest("id").details["count"] == 2


def test_what_is_over_already_is_not_counted_and_keeps_its_time():
    user = make_user("ivan")
    row = sign_in(user)
    revocation.revoke(row)
    moment = SignIn.objects.get().revoked
    assert ended() == 0
    assert SignIn.objects.get().revoked == moment


def test_an_empty_ledger_has_nothing_to_end():
    assert ended() == 0
    assert revocation.revoke_everybody(actor="command") == 0
    assert [event.details for event in Event.objects.order_by("id")] == [{"count": 0}, {"everybody": True, "count": 0}]


def test_each_batch_is_one_statement_on_the_rows_own_columns(monkeypatch):
    monkeypatch.setattr(revocation, "BATCH", 2)
    user = make_user("ivan")
    for _ in range(4):
        sign_in(user)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        ended()
    updates = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("UPDATE")]
    assert len(updates) == 2
    assert not any("JOIN" in sql or "accounts_user" in sql for sql in updates)


def test_everything_of_one_account_ends_with_its_session():
    user, other = make_user("ivan"), make_user("anna")
    sign_in(user)
    sign_in(user, dialect=Dialect.GONCORD)
    kept = sign_in(other)
    stamp = user.credentials_stamp
    assert revocation.end_everything(user, actor="staff:1") == 2
    assert list(SignIn.objects.working()) == [kept]
    assert User.objects.get(pk=user.pk).credentials_stamp == user.credentials_stamp != stamp
    assert revocation.end_everything(user, actor="staff:1") == 0


def test_what_began_before_a_moment_ends_whatever_the_order_of_the_rows():
    user = make_user("ivan")
    moment = timezone.now() - timedelta(days=3)
    rows = [sign_in(user) for _ in range(5)]
    for row, days in zip(rows, (9, 5, 1, 4, 2), strict=True):
        SignIn.objects.filter(pk=row.pk).update(started=timezone.now() - timedelta(days=days))
    with CaptureQueriesContext(connection) as captured:
        assert ended(started_before=moment) == 3
    assert set(SignIn.objects.working()) == {rows[2], rows[4]}
    assert LedgerClosing.objects.get().upto == rows[1].pk
    updates = [query["sql"] for query in captured.captured_queries if query["sql"].startswith('UPDATE "tokens_signin"')]
    assert len(updates) == 1
    assert Event.objects.latest("id").details == {"count": 3, "started_before": moment.isoformat()}
    assert ended(started_before=moment) == 0
