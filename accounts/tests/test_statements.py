import pytest
from django.db import connection
from django.db.models import F, IntegerField
from django.test.utils import CaptureQueriesContext

from accounts.models import Event, Role, User
from accounts.services import events
from accounts.statements import Given, Statement
from accounts.tests.factories import make_user
from authsite.tests.races import race

WITH_ITS_USER = Statement(
    Event,
    lambda: Event.objects.select_related("user").annotate(half=F("pk") / 2).filter(pk=Given("number", IntegerField())),
)


def same(asked, expected):
    """Whether two instances were loaded alike, column by column."""
    assert type(asked) is type(expected)
    loaded = {name: value for name, value in vars(expected).items() if name != "_state"}
    assert {name: value for name, value in vars(asked).items() if name != "_state"} == loaded
    assert (asked._state.adding, asked._state.db) == (expected._state.adding, expected._state.db)


@pytest.mark.django_db
@pytest.mark.parametrize("has_user", [True, False])
def test_a_row_is_as_the_queryset_gives_it(has_user):
    events.record(Event.Kind.REGISTERED, make_user("ivan", email="ivan@example.org") if has_user else None)
    number = Event.objects.latest("pk").pk
    expected = Event.objects.select_related("user").annotate(half=F("pk") / 2).get(pk=number)
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            asked = WITH_ITS_USER.one(number=number)
            same(asked, expected)
            assert (asked.user is None) is not has_user
        assert len(queries) == 1
    if has_user:
        same(asked.user, expected.user)


@pytest.mark.django_db
def test_what_is_not_there_is_none():
    assert WITH_ITS_USER.one(number=0) is None


@pytest.mark.django_db(transaction=True)
def test_many_threads_ask_at_once_each_by_its_own_connection():
    users = [make_user(f"person_{number}") for number in range(4)]
    named = Statement(User, lambda: User.objects.filter(pk=Given("number", IntegerField())))
    found = race(8, lambda number: [named.one(number=users[(number + turn) % 4].pk) for turn in range(8)])
    assert found == [[users[(number + turn) % 4] for turn in range(8)] for number in range(8)]


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no plan to keep")
def test_postgresql_plans_it_once_unless_the_operator_says_no(monkeypatch):
    def plans(statement):
        statement.one(number=0)
        statement.one(number=1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%accounts_role%'")
            return cursor.fetchone()[0]

    named = Statement(Role, lambda: Role.objects.filter(pk=Given("number", IntegerField())))
    # Behind a pooler that gives each transaction another connection: PREPARED_STATEMENTS=0.
    with monkeypatch.context() as patch:
        patch.setattr(connection.connection, "prepare_threshold", None)
        assert plans(named) == 0
    assert plans(named) == 1
