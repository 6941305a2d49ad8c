"""A streamed answer that fails on its way breaks its connection, and no other one."""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from authsite.tests.live import Server

# An account in the middle whose moment of birth no reader understands: the first hundred are sent, then it fails.
SPOIL = """
from django.db import connection
moment = "'infinity'" if connection.vendor == "postgresql" else "'rubbish'"
connection.cursor().execute(
    f"UPDATE accounts_user SET created_at = {moment} WHERE id = (SELECT max(id) - 10 FROM accounts_user)"
)
"""


def raw(server: Server, path: str, version: str = "1.1") -> tuple[bytes, float]:
    """Everything the server sends until the connection ends, and how many seconds that took."""
    address = urlsplit(server.url)
    started = time.monotonic()
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(f"GET {path} HTTP/{version}\r\nHost: {address.netloc}\r\n\r\n".encode())
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received, time.monotonic() - started


@pytest.fixture
def spoiled(server: Server) -> Server:
    server.manage("seed_demo", "--users", "300", "--force")
    server.manage("shell", "-v0", "-c", SPOIL)
    return server


def test_a_failure_on_the_way_breaks_the_connection(spoiled: Server) -> None:
    # Neighbours that wait with an open connection, on both workers, notice nothing.
    neighbours = [requests.Session() for _ in range(12)]
    assert all(session.get(f"{spoiled.url}/healthz", timeout=5).ok for session in neighbours)
    opened = {id(session): session.get_adapter(spoiled.url).poolmanager for session in neighbours}
    for _round in range(3):
        answer, seconds = raw(spoiled, "/info/users/")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"transfer-encoding: chunked" in answer
        assert not answer.endswith(b"0\r\n\r\n")
        assert not answer.rstrip().endswith(b"]")
        assert answer.count(b'"login":') == 100
        assert seconds < 5
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{spoiled.url}/info/users/", timeout=20)
    for session in neighbours:
        assert session.get(f"{spoiled.url}/healthz", timeout=5).ok
        (pool,) = opened[id(session)].pools._container.values()
        assert pool.num_connections == 1
    assert "Application callable raised an exception" in spoiled.log_text()


def test_the_same_for_http_1_0(spoiled: Server) -> None:
    answer, seconds = raw(spoiled, "/info/users/", "1.0")
    assert not answer.rstrip().endswith(b"]")
    assert seconds < 5


def test_two_that_fail_at_once_are_both_broken(spoiled: Server) -> None:
    address = urlsplit(spoiled.url)
    connections = [socket.create_connection((address.hostname, address.port), timeout=20) for _ in range(8)]
    for connection in connections:
        connection.sendall(f"GET /info/users/ HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
    for connection in connections:
        received = b""
        while part := connection.recv(65_536):
            received += part
        assert received.count(b'"login":') == 100
        assert not received.endswith(b"0\r\n\r\n")
        connection.close()


def test_what_does_not_fail_comes_whole(server: Server) -> None:
    server.manage("seed_demo", "--users", "1300", "--force")
    with requests.Session() as session:
        for _round in range(2):
            response = session.get(f"{server.url}/info/users/", timeout=20)
            assert response.headers["Transfer-Encoding"] == "chunked"
            people = json.loads(response.content)
            assert len(people) == 1300
            assert [person["id"] for person in people] == sorted(person["id"] for person in people)
    head = requests.head(f"{server.url}/info/users/", timeout=20)
    assert (head.status_code, head.content) == (200, b"")
