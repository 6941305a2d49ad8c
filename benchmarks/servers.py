"""What the benchmarks run on: new databases, servers over them as `make run` starts them, and what those cost."""

# ruff: noqa: S603 - a benchmark starts the databases and the servers that it measures.

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from authsite.tests.live import ROOT, Database, Server, manage
from benchmarks.load import Sample, Stream, run

OURS = "authsite.settings"
PEER = "benchmarks.peer_settings"
# An empty value means the default, whatever the shell or `.env` says.
ENVIRONMENT = {
    **dict.fromkeys(("ALLOWED_HOSTS", "PUBLIC_URL", "REDIS_URL", "REQUIRE_TLS", "TRUSTED_PROXIES"), ""),
    "PYTHONPATH": str(ROOT),
    "RATE_LIMITS": "off",
}
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Bench:
    """A migrated database of one kind, and the process that stands for its server, if it has one."""

    kind: str
    database: Database
    server: int | None = None

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run `manage.py` over the database; return what it printed."""
        return manage(*arguments, **{**ENVIRONMENT, **environment, "DATABASE_URL": self.database.url})

    def cpu_seconds(self) -> float:
        """Processor time that the database's own processes have taken so far."""
        return cpu_seconds(self.server) if self.server else 0.0

    def ask(self, server: "Served", stream: Stream, seconds: float) -> "Round":
        """Let `stream` ask a server over the database; every answer must be a 200."""
        before = server.cpu_seconds(), self.cpu_seconds()
        (sample,) = run(server.port, stream, seconds=seconds)
        after = server.cpu_seconds(), self.cpu_seconds()
        assert set(sample.statuses) == {200}, sample.statuses
        assert not sample.broken
        costs = ((late - early) * 1e6 / len(sample.latencies) for early, late in zip(before, after, strict=True))
        return Round(sample, *costs)

    @contextlib.contextmanager
    def served(self, settings: str = OURS, **environment: str) -> Iterator["Served"]:
        """Serve it with `settings` (a module) and an `environment`; two workers unless that says otherwise."""
        with tempfile.TemporaryDirectory(prefix="authsite-") as folder:
            environment = {**ENVIRONMENT, "DJANGO_SETTINGS_MODULE": settings, **environment}
            server = Server(Path(folder), self.database, **environment)
            server.start()
            try:
                yield Served(int(server.url.rpartition(":")[2]), server.pid)
            finally:
                server.stop()


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs: where it listens on loopback, and its first process."""

    port: int
    pid: int

    def tree(self) -> list[int]:
        """Its processes."""
        return tree(self.pid)

    def cpu_seconds(self) -> float:
        """Processor time that it and its workers have taken so far."""
        return cpu_seconds(self.pid)

    def memory_bytes(self) -> int:
        """The memory that it and its workers hold, what they share counted once (PSS)."""
        files = (Path(f"/proc/{process}/smaps_rollup") for process in self.tree())
        return sum(int(file.read_text().partition("\nPss:")[2].split()[0]) * 1024 for file in files)


@dataclass(frozen=True, slots=True)
class Round:
    """What the clients of a stream saw, and what one answer cost the server and the database: µs of processor time."""

    sample: Sample
    cpu: float
    database: float


def benches(kinds: Sequence[str]) -> Iterator[Bench]:
    """A new, migrated database of each of `kinds` (SQLite, PostgreSQL), gone when the next one is asked for.

    PostgreSQL is the server that DATABASE_URL names, if it names one; else one is started from the wheel of the tests.
    """
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="authsite-") as folder, _server(kind) as server:
            database = Database(Path(folder))
            bench = Bench(kind, database, server)
            try:
                bench.manage("migrate", "-v0")
                yield bench
            finally:
                database.drop()


@contextlib.contextmanager
def _server(kind: str) -> Iterator[int | None]:
    """Let DATABASE_URL, where `Database` looks, name a server of this kind; yield the process that we started."""
    given = os.environ.get("DATABASE_URL", "")
    if kind == "PostgreSQL" and given.startswith("postgres"):
        yield None
        return
    try:
        if kind == "SQLite":
            os.environ["DATABASE_URL"] = ""
            yield None
            return
        # It stops, and deletes its data, at the end of its standard input.
        command = [sys.executable, "-m", "authsite.tests.services"]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as keeper:
            assert keeper.stdout is not None
            os.environ["DATABASE_URL"] = keeper.stdout.readline().partition(" ")[0]
            yield keeper.pid
    finally:
        os.environ["DATABASE_URL"] = given


def cpu_seconds(process: int) -> float:
    """Processor time that a process and those it has started have taken so far, in user and system mode (proc(5))."""
    # After the name, which may hold anything, in parentheses: fields 14 and 15 of proc_pid_stat(5).
    told = (Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in tree(process))
    return sum(int(fields[11]) + int(fields[12]) for fields in told) / _TICKS


def tree(process: int) -> list[int]:
    """A process and every one that it, or one of those, has started and that still runs."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(found for child in children for found in tree(int(child)))]
