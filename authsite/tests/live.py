"""The server as `make run` starts it, over a database of its own, for what only a real process can show."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import psycopg

from authsite import serve
from authsite.tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 60


def manage(*arguments: str, **environment: str) -> str:
    """Run `manage.py` with `arguments`; return what it printed."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


class Database:
    """A new database of the suite's own engine: a SQLite file in `folder`, or one more on its PostgreSQL."""

    def __init__(self, folder: Path, template: "Database | None" = None) -> None:
        self.path = folder / f"{uuid.uuid4().hex}.sqlite3"
        self.url = f"sqlite:///{self.path}"
        self._suite = os.environ.get("DATABASE_URL", "")
        if self._suite.startswith("postgres"):
            self.name = f"live_{self.path.stem}"
            self._command(f"CREATE DATABASE {self.name}" + (f" TEMPLATE {template.name}" if template else ""))
            self.url = urlsplit(self._suite)._replace(path=f"/{self.name}").geturl()
        elif template:
            shutil.copy(template.path, self.path)

    def drop(self) -> None:
        """Delete it, whoever is connected."""
        if self._suite.startswith("postgres"):
            self._command(f"DROP DATABASE {self.name} WITH (FORCE)")

    def _command(self, statement: str) -> None:
        with psycopg.connect(self._suite, autocommit=True) as connection:
            connection.execute(statement.encode())


class Server:
    """Two workers that answer at `url`; what they print is kept."""

    def __init__(self, folder: Path, database: Database, **environment: str) -> None:
        port = str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "DATABASE_URL": database.url,
            "HOST": "127.0.0.1",
            "MEDIA_ROOT": str(folder / "media"),
            "PORT": port,
            **environment,
        }
        self._log = folder / f"server-{port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; return when it answers."""
        with self._log.open("ab") as output:
            # Its standard input is the thread by which its life hangs on ours: see the end of this module.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "authsite.tests.live"],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                urlopen(f"{self.url}/healthz", timeout=5).close()
                return
            except OSError:
                assert self._process.poll() is None, self.log_text()
                assert time.monotonic() < deadline, self.log_text()
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Its first process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Stop it as SIGTERM does, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._ended()

    def interrupt(self) -> None:
        """Stop it as Ctrl-C at a terminal does: the signal reaches all its processes."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGINT)
            self._ended()

    def kill9(self, *, workers_too: bool = True) -> None:
        """Kill it on the spot, if it runs: all its processes, or the parent alone."""
        if self._process is not None:
            (os.killpg if workers_too else os.kill)(self._process.pid, signal.SIGKILL)
            self._ended()

    def restart(self) -> None:
        """Start it again over the same data, stopping it first if it runs."""
        self.stop()
        self.start()

    def manage(self, *arguments: str) -> str:
        """Run `manage.py` over its data; return what it printed."""
        return manage(*arguments, **self.environment)

    def log_text(self) -> str:
        """Everything it and its workers have printed so far."""
        return self._log.read_text(errors="replace")

    def _ended(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.wait(timeout=30)
        self._process.stdin.close()
        self._process = None


if __name__ == "__main__":

    def end_with_the_tests() -> None:
        # Without Python's buffer, whose lock a worker would inherit.
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_with_the_tests, daemon=True).start()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
    serve.main()
