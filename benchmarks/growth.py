"""`python -m benchmarks.growth`: what a million sign-ins in the ledger cost, beside a thousand.

Two databases with the same accounts, one of them grown; both are served, and asked in turns. Then half of the rows,
which have expired, are purged while people sign in, and at last every sign-in of everybody is ended.
"""

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg

from authsite.tests.live import Database
from benchmarks import doors, report
from benchmarks.doors import SIGN_INS, get
from benchmarks.load import Connection, Sample, Stream, run
from benchmarks.servers import Bench, Round, Served

HEADINGS = ("what", "few rows", "many rows", "ratio")
# Passwords are not what is measured here.
ENVIRONMENT = {"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME_COST": "1"}
# Every second row has expired. The accounts are those of the benchmark, in turn.
GROW = """
    INSERT INTO tokens_signin
        (uuid, user_id, dialect, digest, agent, agent_folded, ip, started, last_used, expires, stamp)
    SELECT {uuid}, accounts_user.id, 'cabinet', {digest}, 'Firefox 140', 'firefox 140', '192.0.2.1',
        {before}, {before}, CASE WHEN number % 2 = 0 THEN {before} ELSE {later} END, accounts_user.credentials_stamp
    FROM {numbers} JOIN accounts_user ON accounts_user.id = (SELECT min(id) FROM accounts_user) + number % {accounts}
"""
ON_POSTGRESQL = {
    "uuid": "gen_random_uuid()",
    "digest": "sha256(gen_random_uuid()::text::bytea)",
    "before": "now() - interval '1 hour'",
    "later": "now() + interval '30 days'",
    "numbers": "generate_series(1, {rows}) AS numbers(number)",
}
ON_SQLITE = {
    "uuid": "lower(hex(randomblob(16)))",
    "digest": "randomblob(32)",
    "before": "datetime('now', '-1 hour')",
    "later": "datetime('now', '+30 days')",
    "numbers": "(WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers"
    " WHERE number < {rows}) SELECT number FROM numbers) AS numbers",
}


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = report.parser(__doc__)
    parser.add_argument("--few", type=int, default=1_000, help="Rows of the one. Default: %(default)s.")
    parser.add_argument("--many", type=int, default=1_000_000, help="Rows of the other. Default: %(default)s.")
    parser.add_argument("--accounts", type=int, default=100, help="Whose they are. Default: %(default)s.")
    parser.add_argument("--rounds", type=int, default=5, help="On each; the median counts. Default: %(default)s.")
    parser.add_argument("--seconds", type=float, default=3.0, help="Of each round. Default: %(default)s.")
    parser.add_argument("--clients", type=int, default=4, help="Connections kept alive. Default: %(default)s.")
    return parser


def measure(bench: Bench, chosen: argparse.Namespace) -> Iterator[report.Row]:
    """The rows of one database."""
    with bench.served(**ENVIRONMENT) as server:
        report.progress(f"{bench.kind}: making {chosen.accounts} accounts and their tokens")
        validations, sign_ins = _requests(server.port, chosen.accounts)
    with tempfile.TemporaryDirectory(prefix="authsite-") as folder:
        grown = Bench(bench.kind, Database(Path(folder), bench.database), bench.server)
        try:
            for one, rows in ((bench, chosen.few), (grown, chosen.many)):
                report.progress(f"{bench.kind}: {rows} rows")
                grow(one.database, rows, chosen.accounts)
            with bench.served(**ENVIRONMENT) as few, grown.served(**ENVIRONMENT) as many:
                yield from _in_turns(bench, few, many, Stream(validations, chosen.clients), chosen)
                yield from _purged(grown, many, Stream(sign_ins, chosen.clients), chosen)
                yield from _ended(grown, many, validations)
        finally:
            grown.database.drop()


def grow(database: Database, rows: int, accounts: int) -> None:
    """Add `rows` sign-ins of the `accounts` there are, and let the database count what it has."""
    terms = ON_POSTGRESQL if database.url.startswith("postgres") else ON_SQLITE
    statement = GROW.format(**{name: term.format(rows=rows) for name, term in terms.items()}, accounts=accounts)
    if terms is ON_POSTGRESQL:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(statement.encode())
            connection.execute("VACUUM ANALYZE tokens_signin")
        return
    with closing(sqlite3.connect(database.path)) as file, file:
        file.execute(statement)
        file.execute("ANALYZE")


def _requests(port: int, accounts: int) -> tuple[list[bytes], list[bytes]]:
    """Requests that validate tokens of goncord, and requests that sign in there."""
    with closing(Connection(port)) as connection:
        logins = [f"person_{number}" for number in range(accounts)]
        for login in logins:
            doors.register(connection, login)
        tokens = [SIGN_INS["goncord"].new_token(connection, login) for login in logins]
    validations = [get("/api/v0/tokens/validate", Authorization=f"Bearer {token}") for token in tokens]
    return validations, [SIGN_INS["goncord"].request(login) for login in logins]


def _in_turns(
    bench: Bench, few: Served, many: Served, stream: Stream, chosen: argparse.Namespace
) -> Iterator[report.Row]:
    """How long validation takes on either, and what it costs server and database."""
    rounds: dict[int, list[Round]] = {few.port: [], many.port: []}
    for number in range(chosen.rounds + 1):
        report.progress(f"{bench.kind}: round {number} of {chosen.rounds}")
        for server in (few, many):
            told = bench.ask(server, stream, chosen.seconds)
            # The first round only warms both up.
            if number:
                rounds[server.port].append(told)
    figures: dict[str, Callable[[Round], float]] = {
        "validate, p50, ms": lambda told: told.sample.percentile(50) * 1e3,
        "validate, p95, ms": lambda told: told.sample.percentile(95) * 1e3,
        "validate, CPU with the database's, µs": lambda told: told.cpu + told.database,
    }
    for name, figure in figures.items():
        here, there = (statistics.median(map(figure, rounds[server.port])) for server in (few, many))
        yield name, f"{here:.1f}", f"{there:.1f}", f"{there / here:.2f}"


def _purged(grown: Bench, many: Served, stream: Stream, chosen: argparse.Namespace) -> Iterator[report.Row]:
    """How long people wait who sign in while half of the rows are purged, and how long that takes."""
    report.progress(f"{grown.kind}: purging")
    (before,) = run(many.port, stream, seconds=chosen.seconds)
    meanwhile = Sample()
    with ThreadPoolExecutor(1) as pool:
        began = time.perf_counter()
        purge = pool.submit(grown.manage, "purge", "--only", "sign_ins", "--json")
        while not purge.done():
            (sample,) = run(many.port, stream, seconds=0.5)
            meanwhile.latencies += sample.latencies
            meanwhile.statuses += sample.statuses
    assert set(before.statuses) | set(meanwhile.statuses) == {201}, (before.statuses, meanwhile.statuses)
    seconds = time.perf_counter() - began
    for percent in (50, 99):
        alone, beside = before.percentile(percent) * 1e3, meanwhile.percentile(percent) * 1e3
        yield f"sign in: alone; while purging, p{percent}, ms", f"{alone:.1f}", f"{beside:.1f}", f"{beside / alone:.2f}"
    count = json.loads(purge.result())["sign_ins"]
    assert count == chosen.many // 2, count
    yield f"purge {count} expired, s", "", f"{seconds:.1f}", ""


def _ended(grown: Bench, many: Served, validations: list[bytes]) -> Iterator[report.Row]:
    """How long ending everything takes, the start of the command included, and that it holds with the next request."""
    began = time.perf_counter()
    grown.manage("revoke_tokens", "--all")
    seconds = time.perf_counter() - began
    with closing(Connection(many.port)) as connection:
        assert {connection.ask(request).status for request in validations} == {401}
    yield "end every sign-in of everybody, s", "", f"{seconds:.1f}", ""


if __name__ == "__main__":
    report.run(HEADINGS, measure, options().parse_args())
