"""Whatever is wrong with a sign-in, the same work is done: a caller cannot tell by time what the words do not say."""

import re

import pytest
from argon2 import extract_parameters
from django.contrib.auth.hashers import check_password
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import passwords
from accounts.models import User
from accounts.tests.factories import make_user
from authsite.tests.doors import PASSWORD, SIGN_INS

pytestmark = pytest.mark.django_db

KINDS = {
    "wrong password": ("ivan", "wrong"),
    "unknown": ("nobody", PASSWORD),
    "deactivated": ("gone", PASSWORD),
    "deactivated, wrong password": ("gone", "wrong"),
    "no password": ("provider", PASSWORD),
}


@pytest.fixture(autouse=True)
def _people():
    make_user("ivan", email="ivan@example.org", phone="+79990000001")
    gone = make_user("gone", email="gone@example.org", phone="+79990000002")
    make_user("provider", email="provider@example.org", phone="+79990000003", password=None)
    User.objects.filter(pk=gone.pk).update(is_active=False)


@pytest.fixture
def hashes(monkeypatch):
    """The parameters of every hash that is computed."""
    computed = []

    def counted(password, encoded):
        computed.append(extract_parameters(encoded.removeprefix("argon2")))
        return check_password(password, encoded)

    monkeypatch.setattr(passwords, "check_password", counted)
    return computed


def shapes(queries):
    """The statements without their values."""
    return [re.sub(r"_x\d+\b|'[^']*'|\b\d+\b|NULL|\bTrue\b|\bFalse\b", "?", query["sql"]) for query in queries]


@pytest.mark.parametrize("door", SIGN_INS, ids=str)
@pytest.mark.parametrize("spelling", ["{}", "{}@example.org"])
def test_every_refusal_costs_one_hash_of_todays_parameters_and_the_same_statements(client, door, hashes, spelling):
    for name in {name for name, _ in KINDS.values()}:
        # The hash for nobody is made once, and so is the row that counts the tries at a name.
        door(client, spelling.format(name), "wrong")
    hashes.clear()
    costs, statements, answers = {}, {}, set()
    for kind, (name, password) in KINDS.items():
        with CaptureQueriesContext(connection) as queries:
            response = door(client, spelling.format(name), password)
        assert response.status_code == door.refused[0], (kind, response.content)
        answers.add(response.content)
        costs[kind] = list(hashes)
        statements[kind] = shapes(queries.captured_queries)
        hashes.clear()
    assert len(answers) == 1
    assert [len(cost) for cost in costs.values()] == [1] * len(KINDS)
    assert len({str(cost) for cost in costs.values()}) == 1
    for found in statements.values():
        assert found == statements["wrong password"]


@pytest.mark.parametrize("door", SIGN_INS, ids=str)
@pytest.mark.parametrize("length", [257, 5_000])
def test_a_password_nobody_can_have_costs_no_hash(client, door, hashes, length):
    assert door(client, "ivan", "x" * length).status_code == door.refused[0]
    assert hashes == []
