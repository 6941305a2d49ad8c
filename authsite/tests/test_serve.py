"""The server as a process: what SIGTERM, SIGKILL and a second start do to it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import requests

from authsite.tests.live import ROOT, Server


def worker_pids(server: Server) -> list[int]:
    return [int(pid) for pid in re.findall(r"Spawning worker-\d+ with PID: (\d+)", server.log_text())]


def wait_for(condition: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_worker_is_replaced(server: Server) -> None:
    wait_for(lambda: server.log_text().count("Started worker") == 2)
    first, second = worker_pids(server)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: server.log_text().count("Started worker") == 3)
    assert all(requests.get(f"{server.url}/healthz", timeout=5).ok for _ in range(20))
    assert len(worker_pids(server)) == 3
    assert is_alive(second)


def test_workers_end_with_a_killed_parent(server: Server) -> None:
    workers = worker_pids(server)
    server.kill9(workers_too=False)
    wait_for(lambda: not any(map(is_alive, workers)))


def test_sigterm_ends_everything(server: Server) -> None:
    workers = worker_pids(server)
    server.stop()
    assert "shutdown completed" in server.log_text()
    assert not any(map(is_alive, workers))


def test_a_second_server_on_the_port_is_refused(server: Server) -> None:
    environment = os.environ | server.environment
    command = [sys.executable, "-m", "authsite.serve"]
    second = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert second.stderr.startswith("Cannot listen on 127.0.0.1:")


def test_query_strings_are_not_logged(server: Server) -> None:
    requests.get(f"{server.url}/healthz?access_token=a-secret", timeout=5)
    requests.get(f"{server.url}/account/me?access_token=a-secret", timeout=5)
    requests.get(f"{server.url}/no/such/path?access_token=a-secret", timeout=5)
    server.stop()
    assert "a-secret" not in server.log_text()
