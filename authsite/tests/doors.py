"""The dialects as their clients know them: how each makes an account and signs in, and every call that takes a token.

What is not served (yet, or any more, when an operator withdraws a dialect) is left out, so these lists say what the
contract says, and the tests that use them are about what stands in the URLconf.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, resolve

from accounts.clients import Dialect
from accounts.digests import digest
from accounts.models import Application, User
from tokens.formats import TokenType

PASSWORD = "Correct-horse1"
NAMES = {"first_name": "Иван", "last_name": "Петров"}
BROWSER = {"browser": "Firefox 140"}
SUPER_APPLICATION_TOKEN = "an-application-token-of-status-super"
CONTROLLING = frozenset(set(TokenType) - {TokenType.REGISTRATION_REFRESH})
# A provider that is switched on, so that its paths get as far as asking for a token.
PROVIDER_SETTINGS = {"OAUTH_YANDEX_CLIENT_ID": "client", "OAUTH_YANDEX_CLIENT_SECRET": "secret"}


def served(method: str, path: str) -> bool:
    """Whether the URLconf knows `path`, and its view `method`."""
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    return hasattr(getattr(view, "view_class", None), method.lower())


def send(
    client: Client, method: str, path: str, body: Any = None, query: Any = None, headers: Any = None
) -> HttpResponse:
    """The answer to one request; `body` goes as JSON unless it is text."""
    # A server hands bytes over as Latin-1.
    headers = {
        name: value.encode("utf-8", "surrogatepass").decode("latin-1") for name, value in (headers or {}).items()
    }
    text = "" if body is None else body if isinstance(body, str | bytes) else json.dumps(body)
    path += f"?{urlencode(query, errors='surrogatepass')}" if query else ""
    return client.generic(method, path, text, content_type="application/json", headers=headers)


@dataclass(frozen=True)
class Registration:
    """One way to make an account: where, and with what; `signs_in` says whether the answer holds a token."""

    dialect: Dialect
    method: str
    path: str
    form: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {','.join(self.form)}"

    def __call__(self, client: Client, **changes: Any) -> HttpResponse:
        place = "query" if self.method == "GET" else "body"
        return send(client, self.method, self.path, headers=self.headers, **{place: {**self.form, **changes}})


REGISTRATIONS = [
    registration
    for registration in (
        Registration(
            Dialect.GIGACHAT, "GET", "/register", {"username": "ivan_g", "password": PASSWORD, "contact": "g@x.ru"}
        ),
        Registration(
            Dialect.GIGACHAT,
            "POST",
            "/register",
            {"username": "ivan_g", "password": PASSWORD, "contact": "8 (999) 000-00-01", "create_token": True},
        ),
        Registration(
            Dialect.GONCORD, "POST", "/api/v0/users", {"login": "ivan_n", "password": PASSWORD, "email": "n@x.ru"}
        ),
        Registration(
            Dialect.REGISTRATION,
            "POST",
            "/authorization/registration",
            {"phone_number": "8 (999) 000-00-02", "email": "r@x.ru", "hash_password": PASSWORD},
        ),
        Registration(
            Dialect.CABINET,
            "POST",
            "/account/registration",
            {"login": "ivan_c", "password": PASSWORD, "email": "c@x.ru", **NAMES},
            BROWSER,
        ),
    )
    if served(registration.method, registration.path)
]


@dataclass(frozen=True)
class SignInDoor:
    """One way to sign in: `name` is the argument that takes the identifier, `secret` the password's.

    `refused` is the status of a wrong password, and the key under which the body says so.
    """

    dialect: Dialect
    method: str
    path: str
    name: str
    secret: str
    status: int
    tokens: Callable[[Any], dict[TokenType, str]]
    headers: dict[str, str] = field(default_factory=dict)
    refused: tuple[int, str] = (401, "message")

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.name}"

    def __call__(self, client: Client, identifier: Any, password: Any = PASSWORD, **headers: str) -> HttpResponse:
        form = {self.name: identifier, self.secret: password}
        place = "query" if self.method == "GET" else "body"
        return send(client, self.method, self.path, headers={**self.headers, **headers}, **{place: form})


def _gigachat(body: Any) -> dict[TokenType, str]:
    return {TokenType.GIGACHAT: body["data"]["token"]}


def _goncord(body: Any) -> dict[TokenType, str]:
    return {TokenType.GONCORD: body["jwt"]}


def _registration(body: Any) -> dict[TokenType, str]:
    return {TokenType.REGISTRATION_ACCESS: body["access"], TokenType.REGISTRATION_REFRESH: body["refresh"]}


def _cabinet(body: Any) -> dict[TokenType, str]:
    return {TokenType.CABINET: body["token"]}


_GIGACHAT = SignInDoor(
    Dialect.GIGACHAT, "GET", "/auth", "username", "password", 200, _gigachat, refused=(404, "description")
)
_GONCORD = SignInDoor(
    Dialect.GONCORD, "POST", "/api/v0/tokens", "login", "password", 201, _goncord, refused=(401, "error")
)
_EMAIL = SignInDoor(
    Dialect.REGISTRATION, "POST", "/authorization/login/email", "email", "hash_password", 200, _registration
)
_CABINET = SignInDoor(
    Dialect.CABINET,
    "POST",
    "/account/login",
    "login",
    "password",
    200,
    _cabinet,
    headers=BROWSER,
    refused=(400, "errorMessage"),
)
SIGN_INS = [
    door
    for door in (
        _GIGACHAT,
        replace(_GIGACHAT, method="POST"),
        _GONCORD,
        replace(_GONCORD, name="email"),
        _EMAIL,
        replace(_EMAIL, path="/authorization/login/phone/number", name="phone_number"),
        _CABINET,
        replace(_CABINET, name="email"),
    )
    if served(door.method, door.path)
]
# One door of each dialect.
FRONT_DOORS = list({door.dialect: door for door in reversed(SIGN_INS)}.values())
ISSUED = [
    token_type
    for token_type, path in {
        TokenType.GIGACHAT: "/auth",
        TokenType.GONCORD: "/api/v0/tokens",
        TokenType.REGISTRATION_ACCESS: "/authorization/login/email",
        TokenType.REGISTRATION_REFRESH: "/authorization/login/email",
        TokenType.CABINET: "/account/login",
    }.items()
    if served("POST", path)
]


def sign_in_everywhere(client: Client, user: User, password: str = PASSWORD) -> dict[TokenType, str]:
    """A new working token of every type that is issued, of `user`, by real sign-ins."""
    tokens: dict[TokenType, str] = {}
    for door in FRONT_DOORS:
        response = door(client, user.username, password)
        assert response.status_code == door.status, (str(door), response.content)
        tokens |= door.tokens(response.json())
    return tokens


@dataclass(frozen=True)
class Call:
    """A call that takes a token: where the token goes, what else it needs, which types open it, how it says no.

    `place`: `bearer`, `raw` (the bare token in `Authorization`), or the name of a query parameter.
    """

    method: str
    path: str
    opens: frozenset[TokenType]
    place: str
    refused: tuple[int, Any]
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    names_account: bool = False
    # Whether a sign-in ends, or the password changes, when the call succeeds.
    is_final: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.place}"

    def __call__(self, client: Client, token: str, user: User | AnonymousUser) -> HttpResponse:
        query, headers = dict(self.query), dict(self.headers)
        if self.names_account:
            query["id"] = str(user.pk)
        if self.place == "bearer":
            headers["Authorization"] = f"Bearer {token}"
        elif self.place == "raw":
            headers["Authorization"] = token
        else:
            query[self.place] = token
        return send(client, self.method, self.path, self.body, query, headers)

    def refuses(self, response: HttpResponse) -> bool:
        """Whether `response` is the whole refusal the contract gives: its status and, but for the words, its body."""
        status, expected = self.refused
        body = json.loads(response.content)
        if isinstance(expected, str):
            return response.status_code == status and list(body) == [expected] and isinstance(body[expected], str)
        return response.status_code == status and body == expected

    def opened(self, response: HttpResponse) -> bool:
        """Whether `response` says that the token was accepted, whatever else was wrong."""
        status, expected = self.refused
        if status == 200:
            return response.status_code == 200 and json.loads(response.content) != expected
        return response.status_code not in (401, 403, 404, 406, 429) and response.status_code < 500


_NOBODY = {"status": "Refused", "reason": "BadRequest", "description": "UserNotFound"}
_SUPER = {"x-app-token": SUPER_APPLICATION_TOKEN}
_APPLICATION_URL = "https://site.example"


def _control(place: str) -> list[Call]:
    working = {"status": "Done", "data": False}
    return [
        Call("GET", "/control/tokens/get", CONTROLLING, place, (200, working), names_account=True),
        Call("GET", "/control/tokens", CONTROLLING, place, (404, _NOBODY), names_account=True),
        Call("DELETE", "/control/tokens", CONTROLLING, place, (404, _NOBODY), names_account=True, is_final=True),
    ]


def _goncord_call(method: str, path: str, body: Any = None, headers: Any = None, *, is_final: bool = False) -> Call:
    opens = frozenset({TokenType.GONCORD})
    return Call(method, path, opens, "bearer", (401, "error"), body, headers=headers or {}, is_final=is_final)


def _cabinet_call(method: str, path: str, body: Any = None, place: str = "raw") -> Call:
    return Call(method, path, frozenset({TokenType.CABINET}), place, (403, "errorMessage"), body)


CALLS = [
    call
    for call in (
        *_control("token"),
        *_control("bearer"),
        _goncord_call("GET", "/api/v0/tokens/validate"),
        _goncord_call("GET", "/v0/tokens/validate"),
        _goncord_call("PATCH", "/api/v0/users", {"first_name": "Пётр"}, _SUPER),
        _goncord_call("DELETE", "/api/v0/tokens", is_final=True),
        _goncord_call(
            "POST",
            "/api/v0/users/change_password",
            {"old_password": PASSWORD, "new_password": "Another-horse2"},
            is_final=True,
        ),
        _goncord_call("GET", "/api/v0/menu"),
        _goncord_call("POST", "/api/v0/roles", {"roles": ["teacher"]}, _SUPER),
        _goncord_call("DELETE", "/api/v0/roles", {"roles": ["teacher"]}, _SUPER),
        _goncord_call("PATCH", "/api/v0/resource/self_update", {"seat": 7}, _SUPER),
        _goncord_call("PATCH", "/api/v0/resource/update", {_APPLICATION_URL: {"seat": 7}}, _SUPER),
        Call("GET", "/validate/jwt/access", frozenset({TokenType.REGISTRATION_ACCESS}), "access", (200, False)),
        Call("GET", "/validate/jwt/refresh", frozenset({TokenType.REGISTRATION_REFRESH}), "refresh", (200, False)),
        # Without a provider's token that is a 422, and no provider is asked.
        Call(
            "POST",
            "/yandex/link",
            frozenset({TokenType.REGISTRATION_ACCESS}),
            "bearer",
            (401, "message"),
            {"hash_password": PASSWORD},
        ),
        Call(
            "DELETE",
            "/yandex/link",
            frozenset({TokenType.REGISTRATION_ACCESS}),
            "bearer",
            (401, "message"),
            {"hash_password": PASSWORD},
        ),
        _cabinet_call("GET", "/account/me"),
        _cabinet_call("GET", "/account/me", place="bearer"),
        _cabinet_call("POST", "/account/edit/info", {"description": "о себе"}),
        # Without a file that is a 400.
        _cabinet_call("POST", "/account/edit/avatar"),
        _cabinet_call("DELETE", "/account/edit/avatar"),
    )
    if served(call.method, call.path)
]


def super_application() -> Application:
    """The application that `_SUPER` names."""
    return Application.objects.create(
        url=_APPLICATION_URL, name="Site", is_super=True, token_digest=digest(SUPER_APPLICATION_TOKEN)
    )
