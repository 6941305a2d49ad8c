"""`python -m benchmarks.directory`: what the directory costs at 10, 10 000 and 100 000 accounts.

It is read whole over HTTP from one worker that is started anew for every request. Beside each row stands a plain Django
REST framework list view (`benchmarks/peer.py`) over the same accounts in the same run.
"""

# ruff: noqa: S603 - it asks a process how many queries an answer takes.

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authsite.tests.live import ROOT
from benchmarks import doors, report, servers
from benchmarks.load import Connection
from benchmarks.servers import Bench

HEADINGS = ("accounts", "view", "first byte, ms", "total, s", "answer, MB", "memory, MB", "queries")
SIZES = (10, 10_000, 100_000)
# The settings, the path, and one that loads what the first answer of a process loads.
CONTENDERS = {
    "authsite": (servers.OURS, "/info/users/", "/info/users/?limit=1"),
    "plain list view": (servers.PEER, "/users/", "/users/?id=0"),
}
# A plain list view needs longer than a request may take.
ENVIRONMENT = {"WORKERS": "1", "STATEMENT_TIMEOUT_SECONDS": "60", "LOG_LEVEL": "error"}
COUNT_QUERIES = """
import sys, django
django.setup()
from django.conf import settings
from django.db import connection
from django.test import Client
settings.ALLOWED_HOSTS = ["testserver"]
count = 0
def counted(execute, *arguments):
    global count
    count += 1
    return execute(*arguments)
with connection.execute_wrapper(counted):
    b"".join(Client().get(sys.argv[1]))
print(count)
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """One request: seconds until its first and its last byte, its size and the worker's growth in bytes."""

    first_byte: float
    total: float
    size: int
    memory: int


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="How many accounts. Default: %(default)s.")
    parser.add_argument("--rounds", type=int, default=3, help="Requests for each row; the median counts.")
    return parser


def measure(bench: Bench, chosen: argparse.Namespace) -> Iterator[report.Row]:
    """The rows of one database, which grows from size to size."""
    for size in sorted(chosen.sizes):
        started = time.perf_counter()
        bench.manage("seed_demo", "--users", str(size), "--force")
        report.progress(f"{bench.kind}: {size} accounts are there after {time.perf_counter() - started:.0f} s")
        for name, (settings, path, first) in CONTENDERS.items():
            readings = [_read(bench, settings, path, first) for _ in range(chosen.rounds)]
            median = Reading(
                *(statistics.median(getattr(reading, key) for reading in readings) for key in Reading.__slots__)
            )
            yield (
                *(f"{size:,}".replace(",", " "), name, f"{median.first_byte * 1000:.0f}", f"{median.total:.2f}"),
                *(f"{median.size / 1e6:.2f}", f"{median.memory / 1e6:.1f}", _queries(bench, settings, path)),
            )


def _read(bench: Bench, settings: str, path: str, first: str) -> Reading:
    """Ask a new worker once, read everything, and check that it is a whole array."""
    with bench.served(settings, **ENVIRONMENT) as server, contextlib.closing(Connection(server.port)) as connection:
        # What the first request loads belongs to the process, not to the directory.
        connection.ask(doors.get(first))
        # The parent of the workers answers nothing.
        worker = max(server.tree()[1:], key=_peak)
        # Forget the peak so far, so that the next one is this request's (proc(5), clear_refs).
        Path(f"/proc/{worker}/clear_refs").write_text("5")
        before = _peak(worker)
        answer = connection.ask(doors.get(path))
        if not isinstance(doors.told(answer), list):
            sys.exit(f"{path} answered no array.")
        return Reading(answer.first_byte, answer.seconds, len(answer.body), _peak(worker) - before)


def _queries(bench: Bench, settings: str, path: str) -> str:
    """How many queries the answer takes."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": settings, "DATABASE_URL": bench.database.url}
    command = [sys.executable, "-c", COUNT_QUERIES, path]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def _peak(process: int) -> int:
    """The most memory the process has held, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    report.run(HEADINGS, measure, options().parse_args())
