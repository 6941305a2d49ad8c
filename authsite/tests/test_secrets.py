"""Secrets sent to a server through every call, in every place: afterwards they stand nowhere it writes to (S66, S67).

Each secret is known by a marker in it, or is one that the server itself has given out.
"""

import contextlib
import json
import re
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import pytest
import requests

from authsite.tests.doors import BROWSER, REGISTRATIONS, SIGN_INS, sign_in_everywhere
from authsite.tests.live import Server
from authsite.tests.test_hostile import GOOD, OPERATIONS, UNREACHABLE
from tokens.formats import TokenType

MARKER = "Zq7Marker"
# Good as a password everywhere: both cases, a digit, 20 characters at most.
PASSWORD = f"{MARKER}-horse1"
SECRETS = (
    "access",
    "access_token",
    "authorization",
    "client_secret",
    "code",
    "code_verifier",
    "device_id",
    "hash_password",
    "id_token",
    "jwt",
    "new_password",
    "old_password",
    "password",
    "refresh",
    "refresh_token",
    "secret",
    "session",
    "state",
    "token",
    "x-app-token",
)
# A member of staff, and an application whose token is printed.
PREPARE = f"""
from accounts.models import User
from accounts.services import applications
User.objects.create_superuser("boss", password="{PASSWORD}")
print(applications.create("https://site.example", "Site", is_super=True, actor="test")[1])
"""
# Nothing that says how we are made.
INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|SELECT|INSERT|no such table|does not exist|sqlite|psycopg|Django|gunicorn|Python", re.I
)


class Caller:
    """The server as the doors' calls want a client to be; it remembers what it was told in answers."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.session = requests.Session()

    def generic(self, method, path, body=b"", content_type="application/json", headers=None):
        sent = {"Content-Type": content_type, **(headers or {})}
        response = self.session.request(
            method,
            self.server.url + path,
            data=body.encode() if isinstance(body, str) else body,
            headers={name: value.encode("latin-1") for name, value in sent.items()},
            allow_redirects=False,
            timeout=30,
        )
        self.session.cookies.clear()
        return response


def connect(server: Server) -> Any:
    """A connection to the server's database, past everything of ours."""
    address = server.environment["DATABASE_URL"]
    if address.startswith("sqlite:///"):
        return sqlite3.connect(address.removeprefix("sqlite:///"))
    return psycopg.connect(address, autocommit=True)


def written(server: Server) -> Iterator[tuple[str, str]]:
    """Everything that a server has written outside its answers: a name for each place, and its text."""
    yield "the log", server.log_text()
    with contextlib.closing(connect(server)) as database:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if isinstance(database, psycopg.Connection):
            tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        for (table,) in database.execute(tables).fetchall():
            yield table, repr(database.execute(f'SELECT * FROM "{table}"').fetchall())
    for path in Path(server.environment["MEDIA_ROOT"]).rglob("*"):
        yield f"the path of {path.name}", str(path)


def leaks(server: Server, secrets: Iterable[str]) -> list[str]:
    """Where one of `secrets` stands in what the server has written, with the text around it."""
    return [
        f"{place}: {text[max(0, text.index(secret) - 200) :][:400]}"
        for place, text in written(server)
        for secret in secrets
        if secret in text
    ]


@pytest.fixture
def server(serve):
    return serve(
        **{name: f"{MARKER}-client" if name.endswith("_SECRET") else value for name, value in UNREACHABLE.items()},
        LOG_LEVEL="debug",
        RATE_LIMITS="off",
    )


def marked(place: str) -> dict[str, str]:
    return {name: f"{MARKER}-{place}-{name}" for name in SECRETS}


def good(names, number: int) -> dict:
    """Good arguments, the secret ones with the marker; tokens are not among them."""
    found = {name: GOOD[name] for name in names if name not in ("access", "refresh", "token")}
    found = {name: value.format(n=number) if isinstance(value, str) else value for name, value in found.items()}
    return {name: f"{MARKER}-{name}"[:20] if name in SECRETS else value for name, value in found.items()} | {
        name: PASSWORD for name in found if "password" in name
    }


def calls(operation, number: int, tokens: dict[TokenType, str], application: str):
    """The requests of one operation: `(path, body, content type, headers)`, nothing but the marker being secret."""
    address = operation.path
    for name in operation.in_path:
        address = address.replace(f"{{{name}}}", quote(GOOD[name]))
    query, body = good(operation.query, number), good(operation.fields, number)
    own = {"access": TokenType.REGISTRATION_ACCESS, "refresh": TokenType.REGISTRATION_REFRESH}
    real = {
        name: tokens[own.get(name, TokenType.GIGACHAT)]
        for name in ("access", "refresh", "token")
        if name in operation.query
    }
    known = {**BROWSER, "x-app-token": application}
    bearing = dict(known)
    if operation.token_type:
        scheme = "" if operation.token_type == TokenType.CABINET else "Bearer "
        bearing["Authorization"] = scheme + tokens[operation.token_type]
    everywhere = {
        "Authorization": f"Bearer {MARKER}.header.x",
        "Cookie": "; ".join(f"{name}={value}" for name, value in [*marked("cookie").items(), ("sessionid", MARKER)]),
        "Proxy-Authorization": f"Basic {MARKER}",
        "Referer": f"http://127.0.0.1/{MARKER}?password={MARKER}",
        "X-Forwarded-For": f"{MARKER}, 127.0.0.1",
        "X-Request-ID": MARKER,
        "x-app-token": f"{MARKER}-application",
        **BROWSER,
    }
    as_json, as_form = "application/json", "application/x-www-form-urlencoded"
    path = address
    # As it should be, as far as it gets; then with more than anybody asked for, in every place at once.
    yield f"{path}?{urlencode({**query, **real})}", json.dumps(body), as_json, bearing
    yield f"{path}?{urlencode({**marked('query'), **query})}", urlencode({**marked("form"), **body}), as_form, known
    yield f"{path}?{urlencode(query)}", '{"password": "' + MARKER, as_json, {**everywhere, **bearing}
    # The spelling with the other end is served by a view of its own.
    path = path[:-1] if path.endswith("/") else f"{path}/"
    yield f"{path}?{urlencode(marked('query'))}", json.dumps(marked("body")), as_json, everywhere
    yield f"{path}/{MARKER}?password=" + MARKER * 1_000, MARKER, f"text/{MARKER}", everywhere


def exercise(caller: Caller, application: str) -> tuple[set[str], list[requests.Response]]:
    """Send every request of every operation; return the secrets that were given out, and the answers."""
    given, answers = set(), []
    for door in SIGN_INS:
        # Some type the password where the name belongs.
        assert door(caller, PASSWORD, PASSWORD).status_code >= 400
    tokens: dict[TokenType, str] = {}
    for number, operation in enumerate(OPERATIONS):
        takes_token = operation.token_type or {"access", "refresh", "token"} & set(operation.query)
        if takes_token or not tokens:
            # Some end their sign-ins or change the password: each has an account of its own.
            registration = REGISTRATIONS[number % len(REGISTRATIONS)]
            email = f"user_{number}@x.ru"
            form = {"contact" if "contact" in registration.form else "email": email}
            form["hash_password" if "hash_password" in registration.form else "password"] = PASSWORD
            form |= {name: f"user_{number}" for name in ("username", "login") if name in registration.form}
            if "phone_number" in registration.form:
                form["phone_number"] = f"+7900000{number:04}"
            assert registration(caller, **form).status_code in (200, 201)
            tokens = sign_in_everywhere(caller, SimpleNamespace(username=email), PASSWORD)
            given |= set(tokens.values())
        for path, body, content_type, headers in calls(operation, number, tokens, application):
            answers.append(caller.generic(operation.method, path, body, content_type, headers))
            answers[-1].operation = operation
    return given, answers


def test_no_secret_is_written_anywhere(server):
    application = server.manage("shell", "-v0", "-c", PREPARE).strip()
    caller = Caller(server)
    given, answers = exercise(caller, application)
    # What is below would be easy if everything had been refused at the door.
    accepted = {str(answer.operation) for answer in answers if answer.status_code < 300}
    assert len(accepted) > len(OPERATIONS) / 2
    assert len(given) > len(OPERATIONS)

    # The form of the admin, wrong and right, and addresses that nobody knows.
    for secret in (f"{MARKER}-wrong1", PASSWORD):
        with requests.Session() as people:
            people.get(f"{server.url}/admin/login/", timeout=30)
            form = {"username": "boss", "password": secret, "csrfmiddlewaretoken": people.cookies["csrftoken"]}
            answer = people.post(f"{server.url}/admin/login/?next=/admin/{MARKER}", form, timeout=30)
            assert ("sessionid" in people.cookies) == (secret == PASSWORD), answer.text
            given.add(people.cookies["csrftoken"])
    for path in ("/", "/docs/", "/openapi.json", "/readyz", "/static/x", "/media/x", "/admin/", "/nothing"):
        for headers in ({"Accept": "text/html"}, {"Host": MARKER}):
            marks = {"Authorization": MARKER, "Cookie": f"sessionid={MARKER}; csrftoken={MARKER}", **headers}
            caller.generic("GET", f"{path}?password={MARKER}", headers=marks)
            caller.generic("POST", f"{path}{MARKER}?password={MARKER}", MARKER, headers=marks)
    # What the server itself refuses.
    port = int(server.url.rpartition(":")[2])
    for line in (
        f"GET /auth?password={MARKER} HTTP/7.7",
        f"G\x1b[2K\x85 /auth?token={MARKER}",
        f"GET / HTTP/1.1\r\n{MARKER}",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(f"{line}\r\n\r\n".encode("latin-1"))
            assert not connection.recv(100).startswith(b"HTTP/1.1 2")
    assert leaks(server, {MARKER, application, *given}) == []

    # Without the tables of sign-ins and keys every call that needs them fails on its way, with an exception.
    tokens = sign_in_everywhere(caller, SimpleNamespace(username="user_0"), PASSWORD)
    with contextlib.closing(connect(server)) as database:
        database.execute("ALTER TABLE tokens_signin RENAME TO gone_signin")
        database.execute("ALTER TABLE tokens_signingkey RENAME TO gone_signingkey")
    failed = set()
    for number, operation in enumerate(OPERATIONS):
        for path, body, content_type, headers in list(calls(operation, number, tokens, application))[:2]:
            answer = caller.generic(operation.method, path, body, content_type, headers)
            # A server names its product; a proxy in front does not pass that on.
            answer.headers.pop("Server", None)
            assert not INSIDES.search(f"{answer.text} {answer.headers}"), (answer.text, answer.headers)
            failed |= {str(operation)} if answer.status_code >= 500 else set()
    assert len(failed) > len(OPERATIONS) / 3
    server.stop()
    assert leaks(server, {MARKER, application, *given, *tokens.values()}) == []

    # And each line is one of ours, the server's own too.
    log = [json.loads(line) for line in server.log_text().splitlines()]
    assert {"timestamp", "level", "logger", "event"} <= set.intersection(*map(set, log))
    assert sum(line["event"] == "request" for line in log) > len(answers)
    assert any("exception" in line for line in log)
