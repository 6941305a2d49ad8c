"""`python -m benchmarks.http_servers`: what the HTTP server under the application costs, beside others.

    python -m benchmarks.http_servers --other "granian --interface wsgi --port {port} authsite.wsgi:application"

`--other` is a Python module with its arguments, `{port}` standing for its port. All are up at once and asked in turns.
"""

# ruff: noqa: S603 - a benchmark starts what it measures.

import argparse
import contextlib
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.request import urlopen  # noqa: TID251 - it asks what it has started.

from authsite.tests.live import ROOT
from authsite.tests.services import free_port
from benchmarks import doors, report
from benchmarks.doors import SIGN_INS, get
from benchmarks.load import Connection, Stream
from benchmarks.servers import ENVIRONMENT, OURS, Bench, Round, Served

HEADINGS = ("server", "start, s", "idle, MB", "loaded, MB", "call", "req/s", "p50, ms", "p99, ms", "CPU, µs")


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = report.parser(__doc__)
    parser.add_argument("--other", action="append", default=[], metavar="COMMAND", help="Another server. Repeatable.")
    parser.add_argument("--clients", type=int, default=16, help="Connections kept alive. Default: %(default)s.")
    parser.add_argument("--rounds", type=int, default=5, help="For each call; the median counts. Default: %(default)s.")
    parser.add_argument("--seconds", type=float, default=3.0, help="Of each round. Default: %(default)s.")
    return parser


def measure(bench: Bench, chosen: argparse.Namespace) -> Iterator[report.Row]:
    """The rows of one database."""
    with contextlib.ExitStack() as running:
        started, servers = {}, {}
        for name in ("ours", *chosen.other):
            begun = time.perf_counter()
            context = bench.served() if name == "ours" else _served_by(name, bench)
            servers[name.partition(" ")[0]] = running.enter_context(context)
            started[name.partition(" ")[0]] = time.perf_counter() - begun
        time.sleep(1)
        idle = {name: server.memory_bytes() for name, server in servers.items()}
        with contextlib.closing(Connection(servers["ours"].port)) as connection:
            doors.register(connection, "person_1")
            token = SIGN_INS["goncord"].new_token(connection, "person_1")
        calls = {
            "/api/v0/tokens/validate": get("/api/v0/tokens/validate", Authorization=f"Bearer {token}"),
            "/healthz": get("/healthz"),
        }
        rounds: dict[tuple[str, str], list[Round]] = {}
        for number in range(chosen.rounds):
            report.progress(f"{bench.kind}: round {number + 1} of {chosen.rounds}")
            for call, request in calls.items():
                for name, server in servers.items():
                    stream = Stream([request], chosen.clients)
                    rounds.setdefault((name, call), []).append(bench.ask(server, stream, chosen.seconds))
        loaded = {name: server.memory_bytes() for name, server in servers.items()}
    for (name, call), of_it in rounds.items():
        yield (
            *(name, f"{started[name]:.1f}", f"{idle[name] / 1e6:.0f}", f"{loaded[name] / 1e6:.0f}", f"`{call}`"),
            f"{statistics.median(one.sample.rate for one in of_it):.0f}",
            *(
                f"{statistics.median(one.sample.percentile(percent) for one in of_it) * 1e3:.1f}"
                for percent in (50, 99)
            ),
            f"{statistics.median(one.cpu for one in of_it):.0f}",
        )


@contextlib.contextmanager
def _served_by(module: str, bench: Bench) -> Iterator[Served]:
    """The application, served by another server over the same database."""
    port = free_port()
    command = [sys.executable, "-m", *shlex.split(module.replace("{port}", str(port)))]
    given = {**ENVIRONMENT, "DJANGO_SETTINGS_MODULE": OURS, "DATABASE_URL": bench.database.url}
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | given, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                break
            if process.poll() is not None:
                sys.exit(f"{module} has ended.")
            time.sleep(0.05)
        yield Served(port, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


if __name__ == "__main__":
    report.run(HEADINGS, measure, options().parse_args())
