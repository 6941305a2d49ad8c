"""Which pages of other origins may read our answers: the configured ones, and on a developer's machine its own."""

import pytest

CONFIGURED = "https://app.example.org"
PATHS = ["/authorization/registration", "/validate/jwt/refresh", "/account/login", "/no/such/path"]
ALLOWED_HEADERS = {"accept-language", "authorization", "cache-control", "content-type", "browser", "x-app-token"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def configured(settings):
    settings.CORS_ALLOWED_ORIGINS = [CONFIGURED]
    settings.CORS_ALLOWED_ORIGIN_REGEXES = []
    settings.CORS_ALLOW_CREDENTIALS = True


def preflight(client, path, origin, method="POST", wanted="content-type,authorization"):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": wanted,
    }
    return client.options(path, headers=headers)


def cors(response):
    return {name.lower(): value for name, value in response.items() if name.lower().startswith("access-control-")}


def words(text):
    return {word.strip() for word in text.split(",")}


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("path", PATHS)
def test_a_configured_origin_is_let_in_with_credentials(client, path):
    response = preflight(client, path, CONFIGURED)
    assert response.status_code == 200
    assert response.content == b""
    said = cors(response)
    assert said["access-control-allow-origin"] == CONFIGURED
    assert said["access-control-allow-credentials"] == "true"
    assert words(said["access-control-allow-headers"]) == ALLOWED_HEADERS
    assert words(said["access-control-allow-methods"]) == {"GET", "POST", "PATCH", "DELETE"}
    assert "origin" in words(response["Vary"].lower())
    for answer in (
        client.get(path, headers={"Origin": CONFIGURED}),
        client.post(path, "{", content_type="application/json", headers={"Origin": CONFIGURED}),
    ):
        said = cors(answer)
        assert answer.status_code >= 400
        assert said["access-control-allow-origin"] == CONFIGURED
        assert said["access-control-allow-credentials"] == "true"
        assert words(said["access-control-expose-headers"]) == {"Link", "Retry-After", "X-Request-ID"}


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://app.example.org.evil.example",
        "https://evil-app.example.org",
        "https://app.example.org@evil.example",
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "null",
        "*",
        "",
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_no_other_origin_is(client, path, origin):
    assert cors(preflight(client, path, origin)) == {}
    assert cors(client.get(path, headers={"Origin": origin})) == {}


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:5173", "https://localhost"])
def test_unconfigured_a_front_end_on_this_machine_is_let_in_without_credentials(client, origin):
    for response in (
        preflight(client, "/authorization/registration", origin),
        client.get("/validate/jwt/access", headers={"Origin": origin}),
    ):
        assert response["Access-Control-Allow-Origin"] == origin
        assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize(
    "origin", ["http://localhost.evil.example", "http://evil.example:80/localhost", "http://127.0.0.11", "null"]
)
def test_unconfigured_nobody_else_is(client, origin):
    assert cors(preflight(client, "/authorization/registration", origin)) == {}
    assert cors(client.get("/validate/jwt/access", headers={"Origin": origin})) == {}


@pytest.mark.usefixtures("configured")
def test_an_error_in_the_house_can_be_read_too(client, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("broken on purpose")

    client.raise_request_exception = False
    monkeypatch.setattr("tokens.services.resolving.resolve", broken)
    response = client.get("/validate/jwt/access", {"access": "a"}, headers={"Origin": CONFIGURED})
    assert response.status_code == 500
    assert response.json() == {"message": "Something went wrong on our side."}
    assert response["Access-Control-Allow-Origin"] == CONFIGURED


def test_no_answer_sets_a_cookie(client):
    form = {"phone_number": "+79991234567", "email": "a@example.org", "hash_password": "123456"}
    pair = client.post("/authorization/registration", form)
    login = client.post("/authorization/login/email", form)
    refreshed = client.get("/validate/jwt/refresh", {"refresh": pair.json()["refresh"]})
    assert [answer.status_code for answer in (pair, login, refreshed)] == [200, 200, 200]
    assert not client.cookies
