"""`python benchmarks/directory.py`: what the directory costs at 10, 10 000 and 100 000 accounts.

Over real HTTP, from a granian worker started for each row, on SQLite and, where the wheels of the tests are installed,
PostgreSQL. Beside each row stands a plain Django REST framework list view over the same accounts in the same run.
The table is Markdown, and is printed row by row.
"""

# ruff: noqa: S603, TID251 - a benchmark starts the server and asks it.

import argparse
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10, 10_000, 100_000)
CONTENDERS = {"authsite": "/info/users/", "plain list view": "/peer"}
HEADINGS = ("database", "accounts", "view", "first byte, ms", "total, s", "answer, MB", "memory, MB", "queries")
SECONDS_TO_START = 60
ENVIRONMENT = os.environ | {
    "DJANGO_SETTINGS_MODULE": "benchmarks.peer_settings",
    "PYTHONPATH": str(ROOT),
    "LOG_LEVEL": "error",
    "STATEMENT_TIMEOUT_SECONDS": "60",
}
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
class Answer:
    """One request: seconds until its first and its last byte, its size and the worker's growth in bytes."""

    first_byte: float
    total: float
    size: int
    memory: int


def main() -> None:
    """Measure on every database there is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="How many accounts. Default: %(default)s.")
    parser.add_argument("--rounds", type=int, default=3, help="Requests for each row; the median counts.")
    parser.add_argument("--given", metavar="NAME", help="Measure only the database in DATABASE_URL, and call it NAME.")
    options = parser.parse_args()
    if options.given:
        measure(options.given, sorted(options.sizes), options.rounds)
        return
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}", flush=True)
    again = [sys.executable, __file__, "--rounds", str(options.rounds), "--sizes", *map(str, options.sizes), "--given"]
    with tempfile.TemporaryDirectory() as folder:
        environment = ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{folder}/benchmark.sqlite3"}
        subprocess.run([*again, "SQLite"], env=environment, check=True)
    services = [sys.executable, "-m", "authsite.tests.services"]
    if subprocess.run([*services, *again, "PostgreSQL"], env=ENVIRONMENT, cwd=ROOT, check=False).returncode:
        print("\nPostgreSQL was not measured: `pip install -r requirements-dev.txt` brings it.")


def measure(database: str, sizes: list[int], rounds: int) -> None:
    """Print the rows of one database, which grows from size to size."""
    manage("migrate", "-v0")
    for size in sizes:
        started = time.perf_counter()
        manage("seed_demo", "--users", str(size), "--force")
        print(f"{database}: {size} accounts are there after {time.perf_counter() - started:.0f} s", file=sys.stderr)
        for name, path in CONTENDERS.items():
            answers = []
            for _round in range(rounds):
                with served() as (port, worker):
                    # What the first request loads belongs to the process, not to the directory.
                    get(port, worker, f"{path}?limit=1" if name == "authsite" else "/info/users/?limit=1")
                    answers.append(get(port, worker, path))
            queries = run("-c", COUNT_QUERIES, path).strip()
            median = Answer(
                *(statistics.median(getattr(answer, key) for answer in answers) for key in Answer.__slots__)
            )
            figures = (
                *(f"{median.first_byte * 1000:.0f}", f"{median.total:.2f}", f"{median.size / 1e6:.2f}"),
                *(f"{median.memory / 1e6:.1f}", queries),
            )
            print(f"| {' | '.join((database, f'{size:,}'.replace(',', ' '), name, *figures))} |", flush=True)


def manage(*arguments: str) -> None:
    """Run `manage.py`."""
    run(str(ROOT / "manage.py"), *arguments)


def run(*arguments: str) -> str:
    """Run Python over the benchmark's settings; return what it printed."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=ENVIRONMENT, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def served() -> Iterator[tuple[int, int]]:
    """A server of one worker; its port, and the process id of the worker."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--blocking-threads", "2", "--no-ws", "--log-level", "error", "authsite.wsgi:application"),
    ]
    process = subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT)
    try:
        yield port, worker_of(process.pid, port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def worker_of(parent: int, port: int) -> int:
    """The process that answers at `port`, once it does."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            return max(map(int, children), key=lambda child: Path(f"/proc/{child}/statm").read_text())
        if time.monotonic() > deadline:
            sys.exit("The server did not start.")
        time.sleep(0.05)


def get(port: int, worker: int, path: str) -> Answer:
    """Ask once, read everything, and check that it is a whole array."""
    # Forget the peak so far, so that the next one is this request's (proc(5), clear_refs).
    Path(f"/proc/{worker}/clear_refs").write_text("5")
    before = peak(worker)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    started = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    parts = [response.read(1)]
    first_byte = time.perf_counter() - started
    while part := response.read1():
        parts.append(part)
    total = time.perf_counter() - started
    body = b"".join(parts)
    if response.status != 200 or not isinstance(json.loads(body), list):
        sys.exit(f"{path} answered {response.status}: {body[:300]!r}")
    return Answer(first_byte, total, len(body), peak(worker) - before)


def peak(process: int) -> int:
    """The most memory the process has held, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()
