"""gigachat by a real server of two workers: what a kill and a restart do not undo, and secrets outside the query."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from authsite.tests.live import Server

PASSWORD = "Correct-horse1"
BROWSER = {"browser": "Firefox 140"}


@pytest.fixture(scope="module")
def server(serve_all: Callable[..., Server]) -> Server:
    """One that every test leaves running; attempts under way count as failures until they have proved right."""
    return serve_all(FAILURES_PER_ACCOUNT="100")


def call(server: Server, method: str, path: str, **arguments) -> requests.Response:
    """One request on a connection of its own, so that any worker may get it."""
    return requests.request(method, server.url + path, timeout=20, **arguments)


def register(server: Server, name: str) -> str:
    """The gigachat token of a new account."""
    form = {"username": name, "password": PASSWORD, "contact": f"{name}@example.org", "create_token": True}
    return call(server, "POST", "/register", json=form).json()["data"]["token"]


def sign_in_everywhere(server: Server, name: str) -> list[str]:
    """A token of every dialect."""
    mail = {"email": f"{name}@example.org", "hash_password": PASSWORD}
    login = {"login": name, "password": PASSWORD}
    return [
        call(server, "GET", "/auth", params={"username": name, "password": PASSWORD}).json()["data"]["token"],
        call(server, "POST", "/account/login", json=login, headers=BROWSER).json()["token"],
        call(server, "POST", "/api/v0/tokens", json=login).json()["jwt"],
        call(server, "POST", "/authorization/login/email", json=mail).json()["access"],
    ]


def working(server: Server, name: str, tokens: list[str]) -> list[bool]:
    """What `/control/tokens/get` and each token's own dialect say; they must agree."""
    gigachat, cabinet, goncord, access = tokens
    said = [
        call(server, "GET", "/control/tokens/get", params={"id": name, "token": token}).json()["data"]
        for token in tokens
    ]
    own = [
        call(server, "GET", "/control/tokens", params={"id": name, "token": gigachat}).status_code == 200,
        call(server, "GET", "/account/me", headers={"Authorization": cabinet}).status_code == 200,
        call(server, "GET", "/api/v0/tokens/validate", headers={"Authorization": f"Bearer {goncord}"}).ok,
        call(server, "GET", "/validate/jwt/access", params={"access": access}).json(),
    ]
    assert said == own
    return said


def test_what_was_ended_stays_ended_at_every_worker_and_after_a_kill(server: Server) -> None:
    register(server, "ivan"), register(server, "peter")
    tokens, others = sign_in_everywhere(server, "ivan"), sign_in_everywhere(server, "peter")
    for _ in range(3):
        assert working(server, "ivan", tokens) == [True] * 4
    ended = call(server, "DELETE", "/control/tokens", params={"id": "ivan", "token": tokens[0]})
    assert (ended.status_code, ended.json()) == (200, {"status": "Done", "count": 5})
    # Both workers have remembered what they could of these tokens.
    for _ in range(6):
        assert working(server, "ivan", tokens) == [False] * 4
    server.kill9()
    server.start()
    for _ in range(3):
        assert working(server, "ivan", tokens) == [False] * 4
        assert working(server, "peter", others) == [True] * 4


def test_of_many_who_delete_at_once_each_row_is_counted_by_one(server: Server) -> None:
    register(server, "maria")
    for _ in range(9):
        call(server, "GET", "/auth", params={"username": "maria", "password": PASSWORD})
    delete = {"id": "maria", "token": PASSWORD}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: call(server, "DELETE", "/control/tokens", params=delete), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["count"] for answer in answers) == 10
    assert call(server, "GET", "/control/tokens", params=delete).json() == {"status": "Done", "count": 0, "data": []}


def test_secrets_in_bodies_and_headers_where_a_query_is_refused(serve: Callable[..., Server]) -> None:
    server = serve(REFUSE_SECRETS_IN_QUERY="1")
    token = register(server, "ivan")
    unsafe = call(server, "GET", "/control/tokens", params={"id": "ivan", "token": token})
    assert (unsafe.status_code, unsafe.json()["description"]) == (406, "UnsafeHandling")
    bearer = {"Authorization": f"Bearer {token}"}
    assert call(server, "GET", "/control/tokens", params={"id": "ivan"}, headers=bearer).json()["count"] == 1
    ended = call(server, "DELETE", "/control/tokens", json={"id": "ivan", "token": PASSWORD, "agent": "REQUESTS"})
    assert ended.json() == {"status": "Done", "count": 1}
