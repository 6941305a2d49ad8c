"""The server and its database, killed and starved in the middle of a storm: what was acknowledged holds."""

import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
import requests

from authsite.tests.live import Database, Server
from authsite.tests.services import PostgreSQL, children
from authsite.tests.storms import SETTINGS, Journal, Unavailable, compare, storm

ON_POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgres")
RANDOM = Random()


def assert_all_holds(server: Server, journal: Journal) -> None:
    findings = compare(server, journal)
    assert not findings, findings


def says_when_to_come_back(each: Unavailable) -> bool:
    headers = each.answer.headers
    return headers["Content-Type"].startswith("application/json") and int(headers["Retry-After"]) > 0


def test_what_was_acknowledged_survives_the_server(serve: Callable[..., Server]) -> None:
    server = serve(**SETTINGS)
    journal = Journal()
    for round_ in range(2):
        with storm(server, f"s{round_}") as heard:
            time.sleep(RANDOM.uniform(0.1, 0.8))
            server.kill9()
        began = time.monotonic()
        server.start()
        assert time.monotonic() - began < 30
        journal += heard
    assert journal.unforeseen == []
    # With eight writers at once, nobody was sent away: the database was never "locked".
    assert [each.answer.text for each in journal.unavailable] == []
    assert "database is locked" not in server.log_text()
    assert journal.unanswered
    assert_all_holds(server, journal)


@pytest.fixture
def postgresql(migrated_database: Database) -> Iterator[PostgreSQL]:
    """Return a PostgreSQL of this test's own, with every migration applied."""
    with tempfile.TemporaryDirectory(prefix="authsite-", dir="/tmp") as folder:
        database = PostgreSQL(Path(folder))
        try:
            database.start()
            database.load(migrated_database.url)
            yield database
        finally:
            database.stop()


@pytest.mark.skipif(not ON_POSTGRESQL, reason="SQLite has no server to kill")
def test_what_was_acknowledged_survives_postgresql_and_its_absence_is_a_503(
    serve: Callable[..., Server], postgresql: PostgreSQL
) -> None:
    """Killed, then stopped at once; calls go on all the while, and a second after its return all is well."""
    server = serve(**SETTINGS, DATABASE_URL=postgresql.url)
    journal = Journal()
    for round_, fall in enumerate((postgresql.kill9, postgresql.stop)):
        with storm(server, f"p{round_}") as heard:
            time.sleep(RANDOM.uniform(0.1, 0.6))
            workers, fell = children(server.pid), time.monotonic()
            fall()
            time.sleep(0.7)
            postgresql.start()
            back = time.monotonic()
            time.sleep(1.6)
        assert heard.unforeseen == []
        assert heard.unanswered == []
        assert heard.unavailable
        assert [each for each in heard.unavailable if each.answered < fell or each.asked > back + 1] == []
        assert all(map(says_when_to_come_back, heard.unavailable))
        # None of them has ended; one that was slow to start may have come.
        assert set(workers) <= set(children(server.pid))
        journal += heard
    assert_all_holds(server, journal)
    # Every thread has a connection now, and finds out that it is dead before it asks anything.
    postgresql.kill9()
    postgresql.start()
    assert_all_holds(server, journal)


@pytest.mark.skipif(ON_POSTGRESQL, reason="a full disk under SQLite")
def test_where_nothing_can_be_written_all_else_goes_on(serve: Callable[..., Server]) -> None:
    """A disk that is full: here the system refuses every byte that would make a file longer than it may be."""
    server = serve(**SETTINGS)
    with storm(server, "before") as before:
        time.sleep(0.2)
    database = Path(server.environment["DATABASE_URL"].removeprefix("sqlite:///"))
    longest = max(path.stat().st_size for path in database.parent.glob(f"{database.name}*"))
    with storm(server, "full") as full:
        limit_files(server, longest)
        time.sleep(1)
        name, token = next(iter(before.working))
        read = requests.get(f"{server.url}/control/tokens/get", params={"id": name, "token": token}, timeout=20)
        limit_files(server, resource.RLIM_INFINITY)
    assert (read.status_code, bool(read.json()["data"])) == (200, True)
    assert full.unforeseen == []
    assert full.unavailable
    assert all(map(says_when_to_come_back, full.unavailable))
    with storm(server, "after") as after:
        time.sleep(0.2)
    assert after.unavailable == []
    assert_all_holds(server, before + full + after)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def limit_files(server: Server, size: int) -> None:
    """Let no file of the server's processes grow beyond `size` bytes."""
    for process in children(server.pid):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
