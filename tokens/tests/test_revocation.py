"""Ending sign-ins: exactly those that were asked for, each once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.clients import Client, Dialect
from accounts.errors import TokenNotWorking
from accounts.models import Event, User
from accounts.services import credentials
from accounts.tests.factories import HERE, PASSWORD, make_user
from authsite.tests.races import race
from tokens.formats import TokenType
from tokens.models import SignIn
from tokens.services import ledger, refreshing, resolving, revocation

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user("ivan")


def sign_in(user, agent="Test 1.0", dialect=Dialect.GIGACHAT, **columns):
    grant = ledger.open_sign_in(user, dialect=dialect, client=Client(agent=agent))
    if columns:
        SignIn.objects.filter(pk=grant.sign_in.pk).update(**columns)
    return grant


def working(*grants):
    return [SignIn.objects.working().filter(pk=grant.sign_in.pk).exists() for grant in grants]


def test_one_is_ended_and_the_rest_stay(user):
    ended, other, anothers = sign_in(user), sign_in(user), sign_in(make_user("peter"))
    revocation.revoke(ended.sign_in, dialect=Dialect.GIGACHAT, client=HERE)
    assert working(ended, other, anothers) == [False, True, True]
    event = Event.objects.latest("id")
    assert (event.kind, event.user, event.dialect, event.ip) == ("sign_in_ended", user, "gigachat", HERE.ip)
    assert event.details == {"count": 1}


def test_what_is_over_is_not_ended_again(user):
    grant = sign_in(user)
    revocation.revoke(grant.sign_in)
    moment = SignIn.objects.get(pk=grant.sign_in.pk).revoked
    with pytest.raises(TokenNotWorking):
        revocation.revoke(grant.sign_in)
    assert SignIn.objects.get(pk=grant.sign_in.pk).revoked == moment
    assert Event.objects.filter(kind="sign_in_ended").count() == 1


def test_all_of_one_account_in_every_dialect(user):
    grants = [sign_in(user, dialect=dialect) for dialect in (Dialect.GIGACHAT, Dialect.CABINET, Dialect.GONCORD)]
    pair, anothers = refreshing.open_pair(user, client=HERE), sign_in(make_user("peter"))
    assert revocation.revoke_all(user, dialect=Dialect.GIGACHAT, client=HERE) == 4
    for token, token_type in zip(
        [grant.secret for grant in grants] + [pair.access, pair.refresh],
        [TokenType.GIGACHAT, TokenType.CABINET, TokenType.GONCORD, *list(TokenType)[-2:]],
        strict=True,
    ):
        with pytest.raises(TokenNotWorking):
            resolving.resolve(token, token_type)
    assert working(anothers) == [True]
    assert Event.objects.latest("id").details == {"count": 4}


def test_nothing_to_end_is_no_event(user):
    assert revocation.revoke_all(user) == 0
    assert not Event.objects.filter(kind="sign_in_ended").exists()


def test_only_working_rows_are_ended_and_counted(user):
    past = timezone.now() - timedelta(seconds=1)
    over = [sign_in(user, expires=past), sign_in(user, revoked=past), sign_in(user, stamp="0" * 32)]
    grant = sign_in(user)
    before = list(SignIn.objects.exclude(pk=grant.sign_in.pk).order_by("id").values())
    assert revocation.revoke_all(user) == 1
    assert list(SignIn.objects.exclude(pk=grant.sign_in.pk).order_by("id").values()) == before
    assert working(*over, grant) == [False] * 4


def test_a_stale_authority_does_not_end_what_outlived_it(user):
    stale, maker = User.objects.get(pk=user.pk), sign_in(user)
    stamp = credentials.change_password(user, PASSWORD, "Another-1", dialect=Dialect.CABINET, client=HERE)
    ledger.restamp(maker.sign_in, stamp)
    assert revocation.revoke_all(stale) == 0
    assert working(maker) == [True]


AGENTS = ["Firefox/1.0 (Linux)", "Яндекс Браузер", "100% Chat_Client \\ x", "STRASSE", "100x ChatyClient", ""]


@pytest.mark.parametrize(
    ("wanted", "ended"),
    [
        ("firefox", [0]),
        ("FIREFOX/1.0", [0]),
        ("яндекс", [1]),
        ("ЯНДЕКС БРАУ", [1]),
        ("%", [2]),
        ("_", [2]),
        ("\\", [2]),
        ("0% c", [2]),
        ("t_c", [2]),
        ("\\\\", []),
        ("[a-z]", []),
        ("*", []),
        ("'", []),
        ("straße", [3]),
        ("chat", [2, 4]),
        (" ", [0, 1, 2, 4]),
        ("", [0, 1, 2, 3, 4, 5]),
        ("chat_client \\ x and more", []),
    ],
)
def test_the_agent_is_a_part_in_any_case_and_literal(user, wanted, ended):
    grants = [sign_in(user, agent) for agent in AGENTS]
    assert revocation.revoke_all(user, agent=wanted) == len(ended)
    assert [index for index, works in enumerate(working(*grants)) if not works] == ended


def test_what_began_strictly_before(user):
    now = timezone.now().replace(microsecond=0)
    grants = [sign_in(user, started=now + timedelta(microseconds=step)) for step in (-1, 0, 1)]
    assert revocation.revoke_all(user, started_before=now) == 1
    assert working(*grants) == [False, True, True]


def test_both_conditions_must_hold(user):
    now = timezone.now()
    old, new = now - timedelta(days=2), now
    grants = [sign_in(user, agent, started=started) for agent in ("Firefox", "Chat") for started in (old, new)]
    assert revocation.revoke_all(user, agent="fire", started_before=now - timedelta(days=1)) == 1
    assert working(*grants) == [False, True, True, True]


def test_one_statement_and_its_event(user, django_assert_num_queries):
    sign_in(user)
    with django_assert_num_queries(4) as asked:
        revocation.revoke_all(user, agent="test", started_before=timezone.now() + timedelta(days=1))
    update = asked.captured_queries[1]["sql"]
    assert update.startswith("UPDATE")
    # The one other table it asks has one row, which is the same for every sign-in.
    assert "accounts_user" not in update
    assert "JOIN" not in update


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_each_row_is_counted_once():
    user = make_user("ivan")
    grants = [sign_in(user, agent=f"Agent {n}") for n in range(12)]

    def end(n):
        if n % 2:
            return revocation.revoke_all(user, agent="agent")
        revocation.revoke(grants[0].sign_in)
        return 1

    outcomes = race(16, end)
    assert {type(outcome) for outcome in outcomes} <= {int, TokenNotWorking}
    counts = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert sum(counts) == 12
    assert not any(working(*grants))
    assert sum(event.details["count"] for event in Event.objects.filter(kind="sign_in_ended")) == 12
