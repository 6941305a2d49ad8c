"""`python -m benchmarks.rotation`: a signing key is replaced, and then withdrawn, while tokens are validated.

Nobody with a valid token is refused when a key is added and when it begins to sign. After `rotate_key --now` has ended,
no worker accepts what a withdrawn key has signed, after as many seconds as the table says.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from benchmarks import doors, report
from benchmarks.doors import SIGN_INS, get
from benchmarks.load import Connection, Stream, run
from benchmarks.servers import Bench

HEADINGS = ("phase", "validations", "refused", "seconds until all are refused")
ACCOUNTS = 10
# The new key signs ten seconds after it was added.
SECONDS = 13.0
# A worker rereads its keys after five.
SECONDS_WITHDRAWN = 9.0


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = report.parser(__doc__)
    parser.add_argument("--rate", type=int, default=200, help="Validations a second. Default: %(default)s.")
    return parser


def measure(bench: Bench, chosen: argparse.Namespace) -> Iterator[report.Row]:
    """The rows of one database."""
    with bench.served() as server, closing(Connection(server.port)) as connection, ThreadPoolExecutor(1) as pool:
        logins = [f"person_{number}" for number in range(ACCOUNTS)]
        for login in logins:
            doors.register(connection, login)
        old = [_validation(connection, login) for login in logins]

        report.progress(f"{bench.kind}: adding a key")
        added = pool.submit(bench.manage, "rotate_key", "goncord")
        (sample,) = run(server.port, Stream(old, clients=8, rate=chosen.rate), seconds=SECONDS)
        added.result()
        yield (
            "a key is added, and begins to sign",
            sample.statuses[200],
            sample.statuses.total() - sample.statuses[200],
            "",
        )

        new = [_validation(connection, login) for login in logins]
        (sample,) = run(server.port, Stream(old + new, clients=8, rate=chosen.rate), seconds=1.0)
        yield "tokens of both keys", sample.statuses[200], sample.statuses.total() - sample.statuses[200], ""

        report.progress(f"{bench.kind}: withdrawing every key")
        withdrawn = pool.submit(bench.manage, "rotate_key", "goncord", "--now")
        began = last = until = 0.0
        while not began or time.perf_counter() < until:
            if withdrawn.done() and not began:
                began = time.perf_counter()
                until = began + SECONDS_WITHDRAWN
            # New connections, so that every worker is asked.
            (sample,) = run(server.port, Stream(old + new, clients=8), seconds=0.1)
            last = time.perf_counter() if sample.statuses[200] else last
        assert sample.statuses.keys() == {401}, sample.statuses
        doors.told(connection.ask(_validation(connection, logins[0])))
        yield "every key is withdrawn", "", "", f"{max(0.0, last - began):.1f}"


def _validation(connection: Connection, login: str) -> bytes:
    token = SIGN_INS["goncord"].new_token(connection, login)
    return get("/api/v0/tokens/validate", Authorization=f"Bearer {token}")


if __name__ == "__main__":
    report.run(HEADINGS, measure, options().parse_args())
