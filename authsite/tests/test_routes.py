"""The reviewed list of every address: methods, who may call, what counts wrong guesses, where secrets travel.

A new path fails here until somebody has decided these four things and written them down; what is written is compared
with what the views, the OpenAPI document and real requests say.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from accounts.dialects.base import DialectView
from accounts.dialects.paths import is_twin
from accounts.models import AttemptCounter, User
from accounts.tests.factories import make_application, make_user
from authsite.tests.doors import BROWSER, NAMES, PASSWORD, send, sign_in_everywhere
from authsite.tests.undoing import forget, undone
from oauth_providers import conf as oauth_conf
from oauth_providers.fake import FakeProviders
from tokens.formats import TokenType
from tokens.models import SignIn

pytestmark = pytest.mark.django_db

# Who may call. `ARGUMENT`: the token, or the password, is an argument of the call itself.
NOBODY, ARGUMENT = "no token", "a token as an argument"
GONCORD, CABINET, ACCESS = "goncord token", "cabinet token", "registration-access token"
APPLICATION, SUPER = "goncord token and application", "goncord token and super application"

# What counts wrong guesses, by the names of `accounts.services.lockout`'s counters.
FREE: frozenset[str] = frozenset()
PASSWORDS = frozenset({"account", "password"})
TOKENS = frozenset({"token"})
APPLICATIONS = TOKENS | {"application-token"}
PROVIDER = frozenset({"provider"})
QUOTA = frozenset({"registration"})

# Where a secret may travel, by contract. What is in a query string ends in logs that are not ours.
NOWHERE, BODY, QUERY = "no secret", "in the body or a header", "in the query string too"


@dataclass(frozen=True)
class Call:
    """One method of one documented path; the spelling with the other ending is the same call."""

    method: str
    path: str
    asks: str
    counted: frozenset[str]
    secrets: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _provider(name: str) -> list[Call]:
    return [
        Call("GET", f"/{name}/link", NOBODY, FREE, NOWHERE),
        Call("POST", f"/{name}/link", ACCESS, TOKENS | PASSWORDS | PROVIDER, BODY),
        Call("DELETE", f"/{name}/link", ACCESS, TOKENS | PASSWORDS, BODY),
        Call("GET", f"/{name}/get/token", NOBODY, PROVIDER, QUERY),
        Call("GET", f"/{name}/registration", NOBODY, PROVIDER, QUERY),
        Call("POST", f"/{name}/registration", NOBODY, PROVIDER, BODY),
        Call("GET", f"/{name}/login", NOBODY, PROVIDER, QUERY),
        Call("POST", f"/{name}/login", NOBODY, PROVIDER, BODY),
        Call("GET", f"/{name}/enter", NOBODY, FREE, NOWHERE),
        Call("GET", f"/{name}/callback", NOBODY, PROVIDER, QUERY),
    ]


CALLS = [
    # gigachat
    Call("GET", "/register", NOBODY, QUOTA, QUERY),
    Call("POST", "/register", NOBODY, QUOTA, QUERY),
    Call("GET", "/auth", NOBODY, PASSWORDS, QUERY),
    Call("POST", "/auth", NOBODY, PASSWORDS, QUERY),
    Call("GET", "/control/tokens/get", ARGUMENT, TOKENS, QUERY),
    Call("GET", "/control/tokens", ARGUMENT, TOKENS | PASSWORDS, QUERY),
    Call("DELETE", "/control/tokens", ARGUMENT, TOKENS | PASSWORDS, QUERY),
    # goncord
    Call("POST", "/api/v0/users", NOBODY, QUOTA, BODY),
    Call("PATCH", "/api/v0/users", SUPER, APPLICATIONS, BODY),
    Call("POST", "/api/v0/tokens", NOBODY, PASSWORDS, BODY),
    Call("DELETE", "/api/v0/tokens", GONCORD, TOKENS, BODY),
    Call("GET", "/api/v0/tokens/validate", GONCORD, TOKENS, BODY),
    Call("GET", "/v0/tokens/validate", GONCORD, TOKENS, BODY),
    Call("POST", "/api/v0/users/change_password", GONCORD, TOKENS | PASSWORDS, BODY),
    Call("GET", "/api/v0/menu", GONCORD, TOKENS, BODY),
    Call("POST", "/api/v0/roles", SUPER, APPLICATIONS, BODY),
    Call("DELETE", "/api/v0/roles", SUPER, APPLICATIONS, BODY),
    Call("PATCH", "/api/v0/resource/self_update", APPLICATION, APPLICATIONS, BODY),
    Call("PATCH", "/api/v0/resource/update", SUPER, APPLICATIONS, BODY),
    # registration
    Call("POST", "/authorization/registration", NOBODY, QUOTA, BODY),
    Call("POST", "/authorization/login/email", NOBODY, PASSWORDS, BODY),
    Call("POST", "/authorization/login/phone/number", NOBODY, PASSWORDS, BODY),
    Call("GET", "/validate/jwt/refresh", ARGUMENT, TOKENS, QUERY),
    Call("GET", "/validate/jwt/access", ARGUMENT, TOKENS, QUERY),
    *_provider("vk"),
    *_provider("mail.ru"),
    *_provider("yandex"),
    # cabinet
    Call("POST", "/account/registration", NOBODY, QUOTA, BODY),
    Call("POST", "/account/login", NOBODY, PASSWORDS, BODY),
    Call("GET", "/account/login/check", NOBODY, FREE, NOWHERE),
    Call("GET", "/account/me", CABINET, TOKENS, BODY),
    Call("POST", "/account/edit/info", CABINET, TOKENS, BODY),
    Call("POST", "/account/edit/avatar", CABINET, TOKENS, BODY),
    Call("DELETE", "/account/edit/avatar", CABINET, TOKENS, BODY),
    Call("GET", "/info/users/", NOBODY, FREE, NOWHERE),
    Call("GET", "/info/users/search-<str:name>", NOBODY, FREE, NOWHERE),
    Call("GET", "/media/<path:name>", NOBODY, FREE, NOWHERE),
]
# Not of the contract, and known by one spelling.
ONE_SPELLING = {"/media/<path:name>"}
# Pages for people: they are in no OpenAPI document.
PAGES = {f"/{provider}/{page}" for provider in oauth_conf.PREFIXES for page in ("enter", "callback")}
# Pages about nobody: any method but GET and HEAD is refused.
OPEN_PAGES = {"/", "/healthz", "/readyz", "/openapi.json", "/docs/"}
# The admin, for a session of staff; but for the first two, which anybody may reach.
ADMIN_OPEN = {"/admin/login/", "/admin/logout/"}
ADMIN_MODELS = (
    *("accounts/application", "accounts/event", "accounts/role", "accounts/user"),
    *("auth/group", "auth/permission", "oauth_providers/linkedidentity", "tokens/signin"),
)
ADMIN_PAGES_OF_A_MODEL = (
    *("", "add/", "<path:object_id>/", "<path:object_id>/change/", "<path:object_id>/delete/"),
    *("<path:object_id>/do/<slug:deed>/", "<path:object_id>/history/"),
)
ADMIN = {f"/admin/{model}/{page}" for model in ADMIN_MODELS for page in ADMIN_PAGES_OF_A_MODEL} | {
    "/admin/",
    "/admin/password_change/",
    "/admin/password_change/done/",
    "/admin/autocomplete/",
    "/admin/jsi18n/",
    "/admin/r/<path:content_type_id>/<path:object_id>/",
    "/admin/accounts/user/<path:object_id>/password/",
    "/admin/tokens/signin/everybody/",
    "/admin/^(?P<app_label>accounts|auth|oauth_providers|tokens)/$",
    "/admin/(?P<url>.*)$",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
EVERY_CALL = pytest.mark.parametrize("call", CALLS, ids=str)
EVERY_PATH = pytest.mark.parametrize("path", sorted({call.path for call in CALLS}))
# The names under which the dialects send and answer what opens something.
SECRET_NAMES = {
    *("password", "hash_password", "old_password", "new_password", "token", "jwt"),
    *("access", "refresh", "access_token", "refresh_token", "code", "x-app-token"),
}
# Every argument there is, good ones and wrong secrets; a call takes those it knows and leaves the rest.
FORM = {
    "access_token": "A-provider-token-of-nobody-0123456789",
    "birthday": "2001-02-03",
    "code": "a-code-of-nobody",
    "contact": "new@example.org",
    "device_id": "device",
    "email": "new@example.org",
    "hash_password": "Wrong-horse1",
    "login": "nobody_new",
    "new_password": "Another-horse2",
    "old_password": "Wrong-horse1",
    "password": "Wrong-horse1",
    "phone_number": "+79990000077",
    "roles": ["teacher"],
    "state": "a-state-of-nobody",
    "username": "nobody_new",
    **NAMES,
}


def every_pattern() -> Iterator[tuple[str, Any]]:
    """Every URL pattern as it is written, with its view."""

    def walk(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                assert isinstance(pattern, URLPattern)
                yield _sorted_choice(route), pattern.callback

    return walk(get_resolver().url_patterns, "/")


def _sorted_choice(route: str) -> str:
    """The admin names its apps in the order of a set."""
    return re.sub(r"(?<=app_label>)[a-z_|]+", lambda found: "|".join(sorted(found[0].split("|"))), route)


def other_spelling(path: str) -> str:
    return path.removesuffix("/") if path.endswith("/") else f"{path}/"


def real(path: str) -> str:
    """An address that matches the pattern `path`."""
    path = path.replace("^(?P<app_label>accounts|auth|oauth_providers|tokens)/$", "accounts/")
    return re.sub(r"<\w+:\w+>", "1", path.replace("(?P<url>.*)$", "anything"))


def methods_of(path: str) -> set[str]:
    return {call.method for call in CALLS if call.path == path}


@pytest.fixture(scope="module")
def providers() -> Iterator[FakeProviders]:
    with FakeProviders() as running:
        yield running


@pytest.fixture(autouse=True)
def _providers_on_and_counters_slow(providers, settings):
    # What was counted can still be seen when the test looks.
    settings.ACCOUNTS_FAILURE_WINDOW_SECONDS = 10_000_000
    settings.ACCOUNTS_REGISTRATIONS_PER_IP = 10
    providers.reset(consent="give")
    for key, prefix in oauth_conf.PREFIXES.items():
        for name, value in providers.settings(key).items():
            setattr(settings, f"OAUTH_{prefix}_{name}", value)


@pytest.fixture
def user():
    return make_user("ivan", email="ivan@example.org", phone="+79991234567")


@pytest.fixture
def tokens(user):
    return sign_in_everywhere(Client(), user)


def test_every_pattern_is_listed_and_every_listed_one_is_there():
    paths = {call.path for call in CALLS}
    twins = {other_spelling(path) for path in paths - ONE_SPELLING}
    listed = sorted([*paths, *twins, *OPEN_PAGES, *ADMIN, *ADMIN_OPEN])
    assert sorted(route for route, _ in every_pattern()) == listed


def test_no_call_is_listed_twice():
    assert len({str(call) for call in CALLS}) == len(CALLS)


def test_the_other_spelling_is_the_same_view_and_keeps_out_of_the_document():
    found = dict(every_pattern())
    for path in sorted({call.path for call in CALLS} - ONE_SPELLING):
        documented, twin = found[path], found[other_spelling(path)]
        assert (documented.view_class, documented.view_initkwargs) == (twin.view_class, twin.view_initkwargs)
        assert (is_twin(documented), is_twin(twin)) == (False, True)


def test_the_views_have_the_listed_methods():
    for route, callback in every_pattern():
        view = getattr(callback, "view_class", None)
        if view is not None and issubclass(view, DialectView):
            path = route if methods_of(route) else other_spelling(route)
            served = {name.upper() for name in view.http_method_names if hasattr(view, name)}
            assert served - {"HEAD"} == methods_of(path), route


@EVERY_PATH
def test_another_method_is_refused(client, path):
    may_ask_first = {call.asks for call in CALLS if call.path == path} - {NOBODY, ARGUMENT}
    for method in METHODS:
        if method not in methods_of(path):
            answered = send(client, method, real(path), headers=BROWSER).status_code
            assert answered == 405 or (may_ask_first and answered in (401, 403)), (method, answered)


@pytest.mark.parametrize("path", sorted(OPEN_PAGES))
def test_pages_about_nobody_are_only_read(client, path):
    assert client.get(path).status_code == 200
    for method in METHODS[1:]:
        if (method, path) in (("OPTIONS", "/openapi.json"), ("OPTIONS", "/docs/")):
            # Django REST framework describes its own two views; that is documentation of documentation.
            continue
        assert client.generic(method, path).status_code in (405, 403), method
    assert not client.cookies


@pytest.mark.parametrize("path", sorted(ADMIN))
def test_the_admin_is_for_staff(client, user, path):
    for _ in range(2):
        response = client.get(real(path))
        assert (response.status_code, response.headers["Location"].partition("?")[0]) == (302, "/admin/login/"), path
        client.force_login(user)


def documented() -> dict[tuple[str, str], Any]:
    """The operations of the OpenAPI document, by method and path as the URLconf writes it."""
    document: Any = SchemaGenerator().get_schema(request=None, public=True)
    spelt = {re.sub(r"<\w+:(\w+)>", r"{\1}", call.path): call.path for call in CALLS}
    return {
        (method.upper(), spelt[path]): _resolved(operation, document["components"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def _resolved(node: Any, components: Any) -> Any:
    """`node` with what it refers to in its place."""
    if isinstance(node, dict):
        if "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            return _resolved(components[kind][name], components)
        return {key: _resolved(value, components) for key, value in node.items()}
    return [_resolved(item, components) for item in node] if isinstance(node, list) else node


def _properties(node: Any) -> set[str]:
    """The names of all properties in a schema."""
    if isinstance(node, dict):
        own = set(node["properties"]) if isinstance(node.get("properties"), dict) else set()
        return own.union(*(_properties(value) for value in node.values()))
    return set().union(*(_properties(item) for item in node)) if isinstance(node, list) else set()


def test_the_document_has_the_listed_calls_and_no_other():
    assert set(documented()) == {(call.method, call.path) for call in CALLS if call.path not in PAGES}


def test_the_document_says_who_may_call():
    for (method, path), operation in documented().items():
        asks = next(call.asks for call in CALLS if (call.method, call.path) == (method, path))
        named = [name for need in operation.get("security", []) for name in need]
        headers = {item["name"] for item in operation.get("parameters", []) if item["in"] == "header"}
        assert named == ([] if asks in (NOBODY, ARGUMENT) else [asks.partition(" and ")[0]]), (method, path)
        assert ("x-app-token" in headers) == (asks in (APPLICATION, SUPER)), (method, path)


def test_the_document_shows_where_secrets_travel():
    for (method, path), operation in documented().items():
        secrets = next(call.secrets for call in CALLS if (call.method, call.path) == (method, path))
        parameters = operation.get("parameters", [])
        in_query = {item["name"] for item in parameters if item["in"] == "query"} & SECRET_NAMES
        elsewhere = {item["name"] for item in parameters if item["in"] != "query"} & SECRET_NAMES
        shown = _properties([operation.get("requestBody"), operation["responses"]]) & SECRET_NAMES
        # gigachat's POST reads the query string for what the body lacks.
        if in_query or (method == "POST" and path in ("/auth", "/register")):
            assert secrets == QUERY, (method, path, in_query)
        else:
            expected = BODY if elsewhere or shown or operation.get("security") else NOWHERE
            assert secrets == expected, (method, path, elsewhere, shown)


REFUSED = {
    GONCORD: 401,
    APPLICATION: 401,
    SUPER: 401,
    CABINET: 403,
    ACCESS: 401,
}


@EVERY_CALL
def test_without_a_token_it_is_refused_where_one_is_asked_for_and_only_there(client, user, call):
    before = (User.objects.count(), SignIn.objects.count())
    response = send(client, call.method, real(call.path), headers=BROWSER)
    if call.asks == ARGUMENT:
        assert response.status_code == (406 if call.path.startswith("/control/") else 422)
    elif call.asks == NOBODY:
        assert response.status_code in (200, 302, 400, 404, 422), response.content
    else:
        assert response.status_code == REFUSED[call.asks]
    assert (User.objects.count(), SignIn.objects.count()) == before


@pytest.mark.parametrize("call", [call for call in CALLS if call.asks in (APPLICATION, SUPER)], ids=str)
def test_the_users_token_alone_is_not_enough_where_an_application_is_asked_for(client, tokens, call):
    token = {"Authorization": f"Bearer {tokens[TokenType.GONCORD]}"}
    _, ordinary = make_application("https://ordinary.example")
    _, powerful = make_application("https://powerful.example", is_super=True)
    body = {"roles": ["teacher"]}
    assert send(client, call.method, call.path, body, headers=token).status_code == 403
    with_ordinary = send(client, call.method, call.path, body, headers={**token, "x-app-token": ordinary})
    assert (with_ordinary.status_code == 403) == (call.asks == SUPER)
    with_powerful = send(client, call.method, call.path, {}, headers={**token, "x-app-token": powerful})
    assert with_powerful.status_code not in (401, 403)


def guess(call: Call, tokens: dict[TokenType, str], user: User | AnonymousUser, **changes: Any) -> Any:
    """Call it with every argument there is, and the token it asks for."""
    form = {**FORM, "id": str(user.pk), "access": tokens[TokenType.REGISTRATION_ACCESS]}
    form |= {"refresh": tokens[TokenType.REGISTRATION_REFRESH], "token": tokens[TokenType.GIGACHAT], **changes}
    headers = {**BROWSER, "x-app-token": "a-token-of-no-application"}
    if call.asks == CABINET:
        headers["Authorization"] = tokens[TokenType.CABINET]
    elif call.asks not in (NOBODY, ARGUMENT):
        token_type = TokenType.REGISTRATION_ACCESS if call.asks == ACCESS else TokenType.GONCORD
        headers["Authorization"] = f"Bearer {tokens[token_type]}"
    if call.method == "GET" or call.path == "/control/tokens":
        return send(Client(), call.method, real(call.path), query=form, headers=headers)
    return send(Client(), call.method, real(call.path), form, headers=headers)


def counted() -> set[str]:
    """The counters that stand now; each is a row whose key begins with its name."""
    rows = AttemptCounter.objects.filter(Q(count__gt=0) | Q(until__gt=time.time_ns() // 1_000_000))
    return {row.key.partition(":")[0] for row in rows}


def test_wrong_guesses_are_counted_where_the_list_says(user, tokens):
    """Good tokens with wrong other secrets, then good passwords with a wrong provider's token, then ended tokens."""
    found = {}
    for call in CALLS:
        forget()
        with undone():
            guess(call, tokens, user, token="Wrong-horse1")
            again = sign_in_everywhere(Client(), User.objects.get(pk=user.pk))
            guess(call, again, user, password=PASSWORD, hash_password=PASSWORD)
            SignIn.objects.all().delete()
            answer = guess(call, again, user)
            found[str(call)] = counted()
            if call.secrets != NOWHERE:
                assert answer.headers["Cache-Control"] == "no-store", str(call)
    assert found == {str(call): call.counted for call in CALLS}


def test_wrong_passwords_at_the_admin_are_counted_too(client):
    client.post("/admin/login/", {"username": "nobody", "password": "Wrong-horse1"})
    assert counted() == PASSWORDS
