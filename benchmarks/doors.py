"""The dialects' calls as their clients write them: bytes, so that asking costs the client next to nothing."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from benchmarks.load import Answer, Connection

PASSWORD = "Correct-horse1"  # noqa: S105 - of accounts that live as long as the benchmark


def get(path: str, query: Mapping[str, str] | None = None, **headers: str) -> bytes:
    """A GET request."""
    return _request("GET", f"{path}?{urlencode(query)}" if query else path, b"", headers)


def post(path: str, body: Any, **headers: str) -> bytes:
    """A POST request with `body` as JSON."""
    return _request("POST", path, json.dumps(body).encode(), {**headers, "Content-Type": "application/json"})


def _request(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = {"Host": "127.0.0.1", "Accept": "application/json", "User-Agent": "benchmark", **headers}
    if body:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a dialect signs in: the arguments that take the identifier and the password, and where its token stands."""

    path: str
    name: str
    password: str
    token: Callable[[Any], str]
    headers: Mapping[str, str] = field(default_factory=dict)
    # The status of a wrong password.
    refused: int = 401

    def request(self, identifier: str, password: str = PASSWORD) -> bytes:
        """The request that signs `identifier` in."""
        return post(self.path, {self.name: identifier, self.password: password}, **self.headers)

    def new_token(self, connection: Connection, identifier: str) -> str:
        """The token that signing in answers."""
        return self.token(told(connection.ask(self.request(identifier))))


SIGN_INS = {
    "gigachat": SignIn("/auth", "username", "password", lambda body: body["data"]["token"], refused=404),
    "goncord": SignIn("/api/v0/tokens", "login", "password", lambda body: body["jwt"]),
    "registration": SignIn("/authorization/login/email", "email", "hash_password", lambda body: body["access"]),
    "cabinet": SignIn(
        *("/account/login", "login", "password"), lambda body: body["token"], {"browser": "Firefox 140"}, refused=400
    ),
}


def register(connection: Connection, login: str) -> None:
    """Make an account."""
    told(connection.ask(post("/api/v0/users", {"login": login, "password": PASSWORD, "email": f"{login}@example.org"})))


def told(answer: Answer) -> Any:
    """The body of an answer; the benchmark ends where it is a refusal."""
    if answer.status not in (200, 201):
        sys.exit(f"The server answered {answer.status}: {answer.body[:300]!r}")
    return json.loads(answer.body)
