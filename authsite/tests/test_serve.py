"""The server as a process: what SIGTERM, SIGINT, SIGKILL and a second start do to it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import requests

from authsite.tests.live import ROOT, Server


def worker_pids(server: Server) -> list[int]:
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", server.log_text())]


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
    wait_for(lambda: len(worker_pids(server)) == 2)
    first, second = worker_pids(server)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len(worker_pids(server)) == 3)
    assert all(requests.get(f"{server.url}/healthz", timeout=5).ok for _ in range(20))
    assert len(worker_pids(server)) == 3
    assert is_alive(second)


def test_workers_end_with_a_killed_parent_and_the_next_start_works_at_once(server: Server) -> None:
    workers = worker_pids(server)
    server.kill9(workers_too=False)
    server.start()
    wait_for(lambda: not any(map(is_alive, workers)))


def test_sigterm_under_load_drops_no_request(server: Server) -> None:
    answered = [0] * 8
    ended = []

    def ask_until_refused(number: int) -> None:
        session = requests.Session()
        while True:
            try:
                # Half of them ask with a new connection each time.
                source = session if number % 2 else requests
                answer = source.get(f"{server.url}/account/login/check?login=ivan_1", timeout=20)
                assert answer.json()["is_login_available"]
                answered[number] += 1
            except (requests.ConnectionError, AssertionError) as error:
                ended.append(type(error))
                return

    clients = [threading.Thread(target=ask_until_refused, args=(number,)) for number in range(len(answered))]
    for client in clients:
        client.start()
    wait_for(lambda: min(answered) > 5)
    workers = worker_pids(server)
    server.stop()
    for client in clients:
        client.join()
    assert ended == [requests.ConnectionError] * len(clients)
    # The system resets who comes in the moment in which the port is closed, but nobody has read their request: whatever
    # was read is answered, and the answer arrives.
    assert server.log_text().count('"route": "account/login/check"') == sum(answered)
    assert not any(map(is_alive, workers))


def test_ctrl_c_ends_everything_in_a_few_words(server: Server) -> None:
    wait_for(lambda: len(worker_pids(server)) == 2)
    workers = worker_pids(server)
    requests.get(f"{server.url}/healthz", timeout=5)
    server.interrupt()
    assert "Shutting down" in server.log_text()
    assert '"exception"' not in server.log_text()
    assert "Traceback" not in server.log_text()
    assert not any(map(is_alive, workers))


def test_a_second_server_on_the_port_is_refused(server: Server) -> None:
    environment = os.environ | server.environment
    command = [sys.executable, "-m", "authsite.serve"]
    second = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert second.stderr.startswith("Cannot listen on 127.0.0.1:")
