"""authsite/worker.py: what a client may send, how slowly, and what it hears when an answer fails on its way."""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests
from gunicorn.http.errors import NoMoreData

from authsite.tests.live import ROOT, Server
from authsite.worker import Reader

LOGIN = b"POST /account/login HTTP/1.1\r\nHost: localhost\r\nbrowser: x\r\nContent-Type: application/json\r\n"
BODY = b'{"login": "nobody", "password": "Marker-secret1"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
IN_CHUNKS = b"4\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (BODY[:4], len(BODY) - 4, BODY[4:])
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
UNKNOWN, NOT_ALLOWED = "The identifier or the password is wrong.", "This address does not know that method."

# An account in the middle whose moment of birth no reader understands: the first hundred are sent, then it fails.
SPOIL = """
from django.db import connection
moment = "'infinity'" if connection.vendor == "postgresql" else "'rubbish'"
connection.cursor().execute(
    f"UPDATE accounts_user SET created_at = {moment} WHERE id = (SELECT max(id) - 10 FROM accounts_user)"
)
"""


def connect(server: Server, *pieces: bytes) -> socket.socket:
    """A connection over which `pieces` were sent, one after the other."""
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=20)
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(0.05)
        connection.sendall(piece)
    return connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection."""
    with connection:
        received = b""
        while part := connection.recv(65_536):
            received += part
        return received


def answer(server: Server, *pieces: bytes) -> tuple[int, str]:
    """Status and message of the answer to `pieces`."""
    head, _, body = everything(connect(server, *pieces)).rpartition(b"\r\n\r\n")
    told = json.loads(body or "{}")
    return int(head.rpartition(b"HTTP/1.")[2].split()[1]), told.get("errorMessage") or told.get("message")


def test_every_request_is_answered_or_refused(server: Server) -> None:
    close = b"Connection: close\r\n\r\n"
    long_line = b"GET /info/users/?q=" + b"Marker-secret2" * 700 + b" HTTP/1.1\r\nHost: localhost\r\n" + close
    refused = (400, "Bad Request")
    expected = {
        "in chunks": ((LOGIN, CHUNKED + close, IN_CHUNKS[:9], IN_CHUNKS[9:]), (400, UNKNOWN)),
        "after 100 Continue": ((LOGIN + LENGTH + b"Expect: 100-continue\r\n" + close, BODY), (400, UNKNOWN)),
        "typed letters": (("GET /info/ты HTTP/1.1\r\nHost: localhost\r\n".encode() + close,), (404, None)),
        "a method of nobody's": ((HEALTH.replace(b"GET", b"brew") + close,), (405, NOT_ALLOWED)),
        "ten thousand types": ((HEALTH + b"Accept: " + b"a/b;q=1," * 10_000 + b"\r\n" + close,), (200, None)),
        "a long line": ((long_line,), (414, "The address is too long.")),
        "again": ((long_line,), (414, "The address is too long.")),
        "a big body": ((LOGIN + b"Content-Length: 9000000000\r\n" + close,), (413, "The request is too large.")),
        "big chunks": (
            (LOGIN + CHUNKED + close + b"200000\r\n" + b" " * 0x200000 + b"\r\n0\r\n\r\n",),
            (413, "The request is too large."),
        ),
        "chunks that are none": ((LOGIN + CHUNKED + close + b"Marker-secret3\r\n",), refused),
        "a length twice": ((LOGIN + LENGTH + LENGTH + close + BODY,), refused),
        "two lengths": ((LOGIN + LENGTH + CHUNKED + close + b"0\r\n\r\n" + HEALTH + b"\r\n",), refused),
        "a coding of nobody's": ((LOGIN + b"Transfer-Encoding: xchunked\r\n" + close,), (501, "Not Implemented")),
        "two hosts": ((HEALTH + b"Host: example.org\r\n" + close,), refused),
        "a control character": ((HEALTH + b"X-App-Token: Marker-secret4\0\r\n" + close,), refused),
        "too many headers": (
            (HEALTH + b"X: Marker-secret5\r\n" * 300 + close,),
            (431, "Request Header Fields Too Large"),
        ),
        "no HTTP": ((b"\x16\x03\x01 /?access_token=Marker-secret6\r\n\r\n",), refused),
        "lines of another kind": ((b"GET /?access_token=Marker-secret7\n",), refused),
        "HTTP/2": ((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), refused),
        "an old client": ((b"GET /healthz HTTP/1.0\r\n\r\n",), (200, None)),
    }
    # `/info` belongs to the cabinet, whose 404 has words of its own.
    heard = {name: answer(server, *pieces) for name, (pieces, _) in expected.items()}
    heard["typed letters"] = (heard["typed letters"][0], None)
    assert heard == {name: wanted for name, (_, wanted) in expected.items()}
    for path in ("/healthz", "/account/me", "/no/such/path"):
        requests.get(f"{server.url}{path}?access_token=Marker-secret8", timeout=5)
    server.stop()
    assert "Marker-secret" not in server.log_text()
    assert '"exception"' not in server.log_text()


def test_a_body_cut_short_is_not_taken_for_a_whole_one(server: Server) -> None:
    body = b"login=olga_1&email=olga@example.org&password=Passw0rdA"
    head = b"POST /api/v0/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    cut = connect(server, head + b"Content-Length: %d\r\n\r\n" % (len(body) + 2) + body)
    cut.shutdown(socket.SHUT_WR)
    assert everything(cut).startswith(b"HTTP/1.1 400 ")
    whole = connect(server, head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert everything(whole).startswith(b"HTTP/1.1 201 ")


def test_one_connection_asks_many_times(server: Server) -> None:
    head = b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = HEALTH + b"Connection: close\r\n\r\n"
    # The second is cut in its head, and so is the third.
    received = everything(connect(server, HEALTH + b"\r\n" + head[:20], head[20:] + last[:30], last[30:]))
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.count(b'{"status": "ok"}') == 2
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(f"{server.url}/healthz", timeout=5).ok
            file = session.get(f"{server.url}/static/accounts/staff.css", timeout=5)
            assert file.content == (ROOT / "accounts/static/accounts/staff.css").read_bytes()
        (pool,) = session.get_adapter(server.url).poolmanager.pools._container.values()
        assert pool.num_connections == 1


def test_slow_clients_hold_nobody_up(server: Server) -> None:
    waiting = [connect(server, b"") for _ in range(50)]
    slow = [connect(server, HEALTH[:30]) for _ in range(150)]
    # These have their answer, and do not go.
    lingering = [connect(server, HEALTH + b"Connection: close\r\n\r\n") for _ in range(10)]
    started = time.monotonic()
    for _ in range(4):
        assert requests.get(f"{server.url}/healthz", timeout=5).ok
    assert time.monotonic() - started < 2
    for connection in slow:
        connection.sendall(HEALTH[30:] + b"Connection: close\r\n\r\n")
    assert all(everything(connection).endswith(b'{"status": "ok"}') for connection in slow)
    for connection in (*waiting, *lingering):
        connection.close()


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = Reader(ours)
        reader.deadline = time.monotonic() + 0.05
        theirs.sendall(b"ab")
        with pytest.raises(NoMoreData):
            reader.read(3)


def test_a_failure_on_the_way_breaks_the_connection(server: Server) -> None:
    server.manage("seed_demo", "--users", "300", "--force")
    whole = requests.get(f"{server.url}/info/users/", timeout=20)
    assert whole.headers["Transfer-Encoding"] == "chunked"
    assert len(whole.json()) == 300
    server.manage("shell", "-v0", "-c", SPOIL)
    for version in (b"1.1", b"1.0"):
        started = time.monotonic()
        received = everything(connect(server, b"GET /info/users/ HTTP/%b\r\nHost: localhost\r\n\r\n" % version))
        assert time.monotonic() - started < 5
        assert received.startswith(b"HTTP/%b 200 OK\r\n" % version)
        assert received.count(b'"login":') >= 100
        assert not received.endswith(b"0\r\n\r\n")
        assert not received.rstrip().endswith(b"]")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{server.url}/info/users/", timeout=20)
    assert "Error handling request" in server.log_text()


def test_headers_are_kept_in_any_script_and_dropped_with_underscores(server: Server) -> None:
    account = {"login": "olga_1", "email": "olga@example.org", "password": "Passw0rdA"}
    assert requests.post(f"{server.url}/api/v0/users", json=account, timeout=20).status_code == 201

    def ask(method: str, path: str, json: object = None, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value.encode() for name, value in headers.items()}
        # Names with an underscore would be added to the value, as if the header came twice.
        named["User_Agent"] = b"somebody else"
        return requests.request(method, f"{server.url}{path}", json=json, headers=named, timeout=20)

    jwt = ask("POST", "/api/v0/tokens", account, User_Agent="Сайт «Ночь»").json()["jwt"]
    auth = ask("GET", "/auth?username=olga_1&password=Passw0rdA", User_Agent="Café").json()["data"]
    assert ask("POST", "/account/login", account, browser="Фокс 9").status_code == 200
    # Bytes that are no UTF-8 are Latin-1.
    latin = {"browser": "Éclair".encode("latin-1")}
    assert requests.post(f"{server.url}/account/login", json=account, headers=latin, timeout=20).ok
    cookies = {"Cookie": f"theme=ночь; jwt={jwt}; name=".encode() + b"\xff"}
    validate = f"{server.url}/api/v0/tokens/validate"
    assert requests.get(validate, headers=cookies, timeout=20).json()["login"] == "olga_1"

    ours = f"/control/tokens?id={auth['id']}&token={auth['token']}"
    listed = ask("GET", ours).json()["data"]
    assert [row["agent"] for row in listed] == ["Éclair", "Фокс 9", "Café", "Сайт «Ночь»"]
    assert ask("DELETE", f"{ours}&agent=фОКС").json() == {"status": "Done", "count": 1}
    assert ask("DELETE", f"{ours}&agent=ночь").json() == {"status": "Done", "count": 1}
    assert requests.get(validate, headers=cookies, timeout=20).status_code == 401
