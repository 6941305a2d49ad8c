"""The benchmarks run: each does all it does, once and with next to nothing to do."""

import json

import pytest

from authsite.tests.live import Database
from benchmarks import directory, flood, growth, http_servers, timing, validate
from benchmarks.doors import SIGN_INS
from benchmarks.servers import Bench

pytestmark = pytest.mark.once


@pytest.fixture
def bench(migrated_database, tmp_path, monkeypatch):
    """A database to measure on, by servers of one worker, which start faster than two."""
    monkeypatch.setenv("WORKERS", "1")
    database = Database(tmp_path, migrated_database)
    yield Bench("this one", database)
    database.drop()


def measured(module, bench, arguments):
    """The rows of a benchmark, each as long as its headings."""
    rows = list(module.measure(bench, module.options().parse_args(arguments.split())))
    assert {len(row) for row in rows} == {len(module.HEADINGS)}
    return rows


def test_the_directorys(bench):
    rows = measured(directory, bench, "--sizes 3 --rounds 1")
    assert [row[:2] for row in rows] == [("3", "authsite"), ("3", "plain list view")]
    assert [row[-1] for row in rows] == ["3", "3"]


def test_that_of_the_hot_path(bench):
    rows = measured(validate, bench, "--accounts 2 --clients 2 --rounds 1 --seconds 0.1")
    assert [row[0] for row in rows] == [validate.PEER, *validate.CALLS]
    assert rows[0][-2:] == ("1.0", "1.0")


def test_that_of_the_time_of_a_refusal(bench):
    rows = measured(timing, bench, "--times 1")
    assert [row[0] for row in rows] == list(SIGN_INS)


def test_that_of_a_flood(bench):
    rows = measured(flood, bench, "--seconds 0.3 --clients 4 --rate 20")
    assert [row[0] for row in rows][2:4] == ["8 clients sign in", "a flood and validation"]
    assert int(rows[3][1]) > 0
    assert float(rows[3][7]) > 0


def test_that_of_the_server_under_the_application(bench):
    rows = measured(http_servers, bench, "--clients 2 --rounds 1 --seconds 0.1")
    assert [(row[0], row[4]) for row in rows] == [("ours", "`/api/v0/tokens/validate`"), ("ours", "`/healthz`")]


def test_that_of_a_ledger_that_has_grown_fills_it_with_what_a_purge_finds(bench):
    """The rest of it is commands and calls that have tests of their own."""
    bench.manage("create_user", "ivan", "--no-password")
    growth.grow(bench.database, rows=20, accounts=1)
    told = bench.manage("purge", "--only", "sign_ins", "--dry-run", "--json")
    assert json.loads(told) == {"sign_ins": 10, "dry_run": True}
