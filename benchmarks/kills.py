"""`python -m benchmarks.kills --rounds 10`: the storms of `authsite/tests/test_kill.py`, as many as wanted.

Eight callers register, sign in and sign out while the server, or the database, is killed at any moment (`kill -9`) and
started again. What they were told is compared with what is there afterwards: the last four columns should hold nothing
but zeros. PostgreSQL is one of the benchmark's own, with its defaults: what it has committed survives.
"""

# ruff: noqa: S311, TID251 - moments need no secret dice, and a benchmark asks the server.

import argparse
import contextlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from authsite.tests.live import Database, Server, manage
from authsite.tests.services import PostgreSQL
from authsite.tests.storms import SETTINGS, Journal, compare, storm
from benchmarks import report

HEADINGS = (
    *(
        "killed",
        "rounds",
        "acknowledged",
        "refused",
        "done and not answered",
        "first answer after, s, median and worst",
    ),
    *("lost", "there though refused", "named twice", "tokens lost", "tokens alive though ended"),
)


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=10, help="Of each kind. Default: %(default)s.")
    return made


def main() -> None:
    """Print the table."""
    chosen = options().parse_args()
    print(f"{report.machine()}\n\n| database | {' | '.join(HEADINGS)} |\n|{'---|' * (len(HEADINGS) + 1)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="authsite-") as folder:
        database = Database(Path(folder))
        with served(Path(folder), f"sqlite:///{database.path}") as server:
            tell("SQLite", "server", server, chosen.rounds, server.kill9, server.start)
    # A socket's path has 107 bytes at most, and `nobody` must reach it.
    with tempfile.TemporaryDirectory(prefix="authsite-", dir="/tmp") as short, tempfile.TemporaryDirectory() as folder:
        postgresql = PostgreSQL(Path(short))
        postgresql.start()
        try:
            with served(Path(folder), postgresql.url) as server:
                tell("PostgreSQL", "server", server, chosen.rounds, server.kill9, server.start)
                tell("PostgreSQL", "database", server, chosen.rounds, postgresql.kill9, postgresql.start)
        finally:
            postgresql.kill9()


@contextlib.contextmanager
def served(folder: Path, url: str) -> Iterator[Server]:
    """A server over the database at `url`, migrated."""
    manage("migrate", "-v0", DATABASE_URL=url)
    server = Server(folder, Database(folder), **SETTINGS, DATABASE_URL=url, REDIS_URL="", LOG_LEVEL="error")
    server.start()
    try:
        yield server
    finally:
        server.kill9()


def rounds(
    server: Server, count: int, kill: Callable[[], None], start: Callable[[], None]
) -> tuple[list[float], Journal]:
    """Storms with a kill in each: seconds from each start to the first answer, and what was told in all."""
    seconds, told = [], Journal()
    for number in range(count):
        report.progress(f"storm {number + 1} of {count}")
        with storm(server, f"n{random.getrandbits(32):08x}") as heard:
            time.sleep(random.uniform(0.0, 1.5))
            kill()
        began = time.perf_counter()
        start()
        while requests.get(f"{server.url}/readyz", timeout=20).status_code != 200:
            time.sleep(0.02)
        seconds.append(time.perf_counter() - began)
        told += heard
    return seconds, told


def tell(
    kind: str, killed: str, server: Server, count: int, kill: Callable[[], None], start: Callable[[], None]
) -> None:
    """Print a row."""
    before = names(server)
    seconds, told = rounds(server, count, kill, start)
    assert not told.unforeseen, told.unforeseen
    found = compare(server, told)
    acknowledged = len(told.registered) + len(told.working) + 2 * len(told.ended)
    figures = (
        *(kind, killed, count, acknowledged, len(told.refused), len(names(server) - before - told.registered)),
        f"{statistics.median(seconds):.1f}, {max(seconds):.1f}",
        *map(len, (found.lost, found.present_though_refused, found.twice, found.lost_tokens, found.live_though_ended)),
    )
    print(f"| {' | '.join(map(str, figures))} |", flush=True)


def names(server: Server) -> set[str]:
    """Who is registered."""
    return {entry["login"] for entry in requests.get(f"{server.url}/info/users/", timeout=60).json()}


if __name__ == "__main__":
    main()
