"""What every answer says about how it may be used, whoever answers: a view, a middleware, an error."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.models import User
from accounts.services import credentials
from accounts.tests.factories import make_user
from authsite.tests.doors import BROWSER, PASSWORD
from authsite.tests.test_routes import every_pattern, real

pytestmark = pytest.mark.django_db

ORIGIN = "http://localhost:3000"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
DIALECTS = ["/auth", "/api/v0/menu", "/validate/jwt/access", "/account/me"]
PAGES = ["/", "/docs/", "/admin/login/", "/admin/", "/openapi.json", "/healthz", "/readyz", "/static/authsite/page.css"]
ANSWERS = [
    *(pytest.param("GET", path, {}, id=path) for path in (*DIALECTS, *PAGES)),
    *(pytest.param("TRACE", path, {}, id=f"{path}-method") for path in DIALECTS),
    *(pytest.param("OPTIONS", path, {"headers": PREFLIGHT}, id=f"{path}-preflight") for path in DIALECTS),
    *(pytest.param("GET", f"{path}?{'x' * 9000}", {}, id=f"{path}-too-long") for path in DIALECTS),
    *(pytest.param("GET", path, {"headers": {"Host": "evil.example"}}, id=f"{path}-host") for path in DIALECTS),
    pytest.param("GET", "/auth?username=ivan&password=wrong", {}, id="refused"),
    pytest.param("GET", f"/auth?username=ivan&password={PASSWORD}", {}, id="signed-in"),
    pytest.param("POST", "/account/login", {"data": "{", "content_type": "application/json"}, id="unreadable"),
    pytest.param("POST", "/account/login", {"data": "x", "content_type": "text/plain"}, id="media-type"),
    pytest.param("GET", "/info/users/", {}, id="stream"),
    pytest.param("GET", "/vk/link", {}, id="provider-off"),
    pytest.param("GET", "/vk/callback", {}, id="provider-page"),
    pytest.param("GET", "/media/none.webp", {}, id="no-such-picture"),
    pytest.param("GET", "/nothing", {}, id="nothing"),
    pytest.param("GET", "/nothing", {"headers": {"Accept": "text/html"}}, id="nothing-for-a-browser"),
    pytest.param("POST", "/admin/login/", {"data": {}}, id="csrf"),
]


def ask(method: str, path: str, options: dict[str, Any]) -> Any:
    return Client(enforce_csrf_checks=True, raise_request_exception=False).generic(method, path, **options)


def words(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}


def assert_guarded(response: Any) -> None:
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "object-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] in ("no-referrer", "same-origin")
    assert "Server" not in response
    assert "Set-Cookie" not in response


@pytest.mark.parametrize(("method", "path", "options"), ANSWERS)
def test_every_answer_is_guarded(method, path, options):
    make_user()
    options = dict(options)
    if isinstance(options.get("data"), dict):
        options["data"] = json.dumps(options["data"])
    response = ask(method, path, options)
    assert_guarded(response)
    if path.startswith("/static/"):
        assert "public" in response["Cache-Control"]
        return
    assert "no-store" in words(response["Cache-Control"])
    assert "cookie" in words(response["Vary"])
    assert "authorization" in words(response["Vary"])
    if not path.startswith("/admin"):
        assert response["Referrer-Policy"] == "no-referrer"


def test_every_route_is_guarded_for_strangers_and_for_staff():
    make_user("boss")
    User.objects.update(is_staff=True, is_superuser=True)
    stranger = Client(enforce_csrf_checks=True, raise_request_exception=False)
    staff = Client(raise_request_exception=False)
    assert staff.post("/admin/login/", {"username": "boss", "password": PASSWORD}).status_code == 302
    for path in sorted({real(route) for route, _ in every_pattern()}):
        answers = [stranger.get(path), stranger.post(path)]
        if path.startswith("/admin/") and path != "/admin/logout/":
            answers.append(staff.get(path))
        for answer in answers:
            # A page with a form brings the cookie that the form is sent with.
            answer.headers.pop("Set-Cookie", None)
            assert_guarded(answer)
            assert "no-store" in words(answer["Cache-Control"]), path
            assert {"authorization", "cookie"} <= words(answer["Vary"]), path
            assert path.startswith("/admin/") or answer["Referrer-Policy"] == "no-referrer"
            assert len(answer["X-Request-ID"]) == 16


@pytest.mark.parametrize(("path", "status"), [("/auth", 503), ("/account/login", 503), ("/api/v0/tokens", 503)])
@pytest.mark.parametrize("error", [OperationalError, RuntimeError])
def test_so_is_the_answer_to_an_error_of_ours(monkeypatch, path, status, error):
    def broken(*_: object) -> None:
        raise error("connection to database at 10.0.0.1 refused for user secret")

    monkeypatch.setattr(credentials, "find", broken)
    form = json.dumps({"username": "ivan", "login": "ivan", "password": PASSWORD})
    response = ask("POST", path, {"data": form, "content_type": "application/json", "headers": BROWSER})
    assert response.status_code == (status if error is OperationalError else 500)
    assert_guarded(response)
    assert "no-store" in response["Cache-Control"]
    assert not any(word in response.content.decode() for word in ("10.0.0.1", "secret", "Traceback", error.__name__))


# Transport

USE_HTTPS = "Use https: this server accepts no credentials over plain HTTP."


@pytest.fixture
def tls(settings):
    """As `REQUIRE_TLS=1` sets it."""
    settings.REQUIRE_TLS = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/auth?username=ivan&password=x",
            {"status": "Refused", "reason": "BadRequest", "description": "Forbidden"},
        ),
        ("/api/v0/menu", {"error": USE_HTTPS}),
        ("/validate/jwt/access?access=x", {"message": USE_HTTPS}),
        ("/account/me", {"errorMessage": USE_HTTPS}),
        ("/vk/link", {"message": USE_HTTPS}),
        ("/info/users/", {"errorMessage": USE_HTTPS}),
        ("/openapi.json", {"message": USE_HTTPS}),
    ],
)
def test_over_plain_http_a_call_is_refused_and_not_redirected(client, tls, path, body):
    response = client.get(path)
    assert response.status_code == 403
    assert "Location" not in response
    assert response.json() == body
    assert_guarded(response)


def test_over_plain_http_nobody_is_signed_in(client, tls, django_assert_num_queries):
    make_user()
    with django_assert_num_queries(0):
        assert client.get("/auth", {"username": "ivan", "password": PASSWORD}).status_code == 403


@pytest.mark.parametrize(
    "path", ["/", "/admin/", "/admin/login/", "/docs/", "/static/authsite/page.css", "/media/x.webp"]
)
def test_over_plain_http_peoples_pages_are_redirected(client, tls, path):
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (301, f"https://testserver{path}")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_over_plain_http_the_probes_answer(client, tls, path):
    assert client.get(path).status_code in (200, 503)


@pytest.mark.parametrize("path", [*DIALECTS, "/", "/admin/login/", "/nothing"])
def test_over_tls_a_browser_is_told_to_stay_there_for_a_year(client, tls, path):
    assert client.get(path, secure=True)["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "Strict-Transport-Security" not in client.get(path)


def test_the_scheme_is_believed_only_from_a_proxy_that_was_named(client, tls, settings):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    assert client.get("/account/me", headers=headers).json()["errorMessage"].startswith("Use https")
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    assert not client.get("/account/me", headers=headers).json()["errorMessage"].startswith("Use https")
    # Without an address beyond it the proxy speaks for itself, and its word still counts.
    headers.pop("X-Forwarded-For")
    assert not client.get("/account/me", headers=headers).json()["errorMessage"].startswith("Use https")
