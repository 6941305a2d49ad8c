"""What a line of the log may hold."""

import json
import logging

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, OperationalError

from accounts.models import User
from accounts.tests.factories import make_user
from authsite.logs import ConsoleLines
from authsite.tests.doors import (
    BROWSER,
    CALLS,
    PROVIDER_SETTINGS,
    REGISTRATIONS,
    SIGN_INS,
    sign_in_everywhere,
    super_application,
)
from profiles.services import directory

# Whatever ends a line somewhere, moves a cursor, turns the text round, or is no character at all.
FORGERY = 'x\n{"event": "forged"}\r\x1b[2K\x7f\x85\u2028\u2029\u202e\ud800\x00'


def console():
    return next(handler for handler in logging.getLogger().handlers if handler.get_name() == "console")


def written(*arguments, name="django.server", extra=None):
    """The line as the configured handler writes it; None when it writes nothing."""
    record = logging.getLogger(name).makeRecord(name, logging.INFO, "f", 1, *arguments, extra=extra)
    return console().format(record) if console().filter(record) else None


@pytest.fixture
def lines(capsys, monkeypatch):
    """What is asked for the lines written since, each a dictionary, through the handler that the server has."""
    texts = []
    monkeypatch.setattr(console(), "emit", lambda record: texts.append(console().format(record)))

    def read():
        found = [json.loads(text) for text in texts]
        assert all(text.isascii() and text.isprintable() for text in texts)
        texts.clear()
        return found

    return read


def one_request(lines):
    (line,) = lines()
    assert line.pop("duration_ms") >= 0
    assert line.pop("timestamp").endswith("Z")
    assert len(line.pop("request_id")) == 16
    assert (line.pop("event"), line.pop("logger")) == ("request", "accounts.requests")
    return line


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("GET /auth?username=ivan&password=MARKER HTTP/1.1", "GET /auth?… HTTP/1.1"),
        ('GET /auth?password=MARKER"MARKER HTTP/1.1', "GET /auth?… HTTP/1.1"),
        ("GET /auth?a=b?token=MARKER HTTP/1.1", "GET /auth?… HTTP/1.1"),
        ("GET /healthz HTTP/1.1", "GET /healthz HTTP/1.1"),
    ],
)
def test_a_query_is_in_no_line(line, kept):
    text = written("%s", (line,), None)
    assert json.loads(text)["event"] == kept
    assert "MARKER" not in text


@pytest.mark.parametrize("error", [ValueError, KeyError, IntegrityError, UnicodeError])
def test_an_exception_is_told_without_the_values_it_was_about(error):
    try:
        try:
            raise error("MARKER")
        except error as cause:
            raise RuntimeError("/auth?password=MARKER") from cause
    except RuntimeError as raised:
        text = written("failed", (), (RuntimeError, raised, raised.__traceback__), name="tokens")
    line = json.loads(text)
    assert [told["error"].rpartition(".")[2] for told in line["exception"]] == ["RuntimeError", error.__name__]
    assert all("test_logs.py" in told["at"][0] for told in line["exception"])
    assert "MARKER" not in text
    assert "\n" not in text


def test_an_exception_about_code_keeps_its_words():
    error = OperationalError("no such table: tokens_signin\nCONTEXT: parameter $1 = 'MARKER'")
    line = json.loads(written("failed", (), (OperationalError, error, None), name="tokens"))
    assert line["exception"] == [{"error": "django.db.utils.OperationalError: no such table: tokens_signin", "at": []}]


def test_what_runserver_says_of_an_answer_is_left_out():
    extra = {"request": "GET /auth?password=MARKER", "server_time": "1"}
    assert written('"%s" %s %s', ("GET /auth?password=MARKER", "200", "1"), None, extra=extra) is None
    assert "MARKER" not in written("You're accessing the server over HTTPS", (), None, extra=extra)


def test_for_people_a_line_says_the_same():
    error = OperationalError("no such table: tokens_signin")
    record = logging.makeLogRecord({
        "name": "accounts", "levelname": "ERROR", "msg": FORGERY, "created": 0, "exc_info": (None, error, None),
        "facts": {"status": 503, "agent": FORGERY},
    })  # fmt: skip
    escaped = r'"x\n{\"event\": \"forged\"}\r\u001b[2K\u007f\u0085\u2028\u2029\u202e\ud800\u0000"'
    assert ConsoleLines().format(record).splitlines() == [
        f"1970-01-01T00:00:00.000Z error accounts {escaped} status=503 agent={escaped}",
        '    "django.db.utils.OperationalError: no such table: tokens_signin"',
    ]


@pytest.mark.django_db
def test_a_request_is_one_line(client, lines):
    response = client.get("/account/login/check?login=ivan", headers={"User-Agent": "agent"})
    assert response.status_code == 200
    assert one_request(lines) == {
        "level": "info",
        "method": "GET",
        "route": "account/login/check",
        "dialect": "cabinet",
        "account": None,
        "status": 200,
        "outcome": "ok",
        "ip": "127.0.0.1",
    }


@pytest.mark.parametrize("given", ["abc-123_X", "x" * 65, "a b", 'a"b', "a\nb", "я", ""])
@pytest.mark.parametrize("trusted", [[], ["127.0.0.0/8"]])
def test_only_a_trusted_proxy_names_a_request(client, lines, settings, given, trusted):
    settings.TRUSTED_PROXIES = trusted
    name = client.get("/", headers={"X-Request-ID": given.encode().decode("latin-1")})["X-Request-ID"]
    (line,) = lines()
    assert line["request_id"] == name
    assert (name == given) == (given == "abc-123_X" and bool(trusted))
    assert name == given or len(name) == 16


@pytest.mark.django_db
def test_a_sign_in_names_the_account_and_a_refusal_nobody(client, lines, settings):
    settings.ACCOUNTS_RATE_LIMITS = False
    user = make_user("ivan", email="ivan@example.org", phone="+79990000000")
    for door in SIGN_INS:
        identifier = {"email": user.email, "phone_number": user.phone}.get(door.name, user.username)
        assert door(client, identifier).status_code == door.status
        line = one_request(lines)
        assert (line["account"], line["outcome"], line["dialect"]) == (user.pk, "ok", door.dialect)
        assert door(client, identifier, "wrong").status_code == door.refused[0]
        line = one_request(lines)
        assert (line["account"], line["dialect"]) == (None, door.dialect)
        assert (line["level"], line["status"], line["outcome"]) == ("info", door.refused[0], "InvalidCredentials")


@pytest.mark.django_db
def test_a_registration_names_the_account_it_made(client, lines):
    for registration in {registration.dialect: registration for registration in REGISTRATIONS}.values():
        assert registration(client).status_code in (200, 201)
        line = one_request(lines)
        assert isinstance(line["account"], int)
        assert (line["outcome"], line["dialect"]) == ("ok", registration.dialect)
        assert registration(client).status_code >= 400
        line = one_request(lines)
        assert (line["account"], line["outcome"]) == (None, "IdentifierTaken")


@pytest.mark.django_db
def test_a_token_names_its_account_in_every_call(client, lines, settings):
    for name, value in PROVIDER_SETTINGS.items():
        setattr(settings, name, value)
    user = make_user("ivan")
    super_application()
    for call in CALLS:
        for token_type in call.opens:
            # Some end their sign-in, one changes the password.
            User.objects.update(password=user.password, credentials_stamp=user.credentials_stamp)
            token = sign_in_everywhere(client, user)[token_type]
            lines()
            answer = call(client, token, user)
            line = one_request(lines)
            assert (line["account"], line["status"]) == (user.pk, answer.status_code), (str(call), line)
        call(client, "x", AnonymousUser())
        assert one_request(lines)["account"] is None


@pytest.mark.django_db
def test_the_admin_names_the_account(client, lines):
    user = make_user("boss")
    User.objects.update(is_staff=True, is_superuser=True)
    for password, outcome, account in (("wrong", "InvalidCredentials", None), ("Correct-horse1", "ok", user.pk)):
        client.post("/admin/login/", {"username": "boss", "password": password})
        line = one_request(lines)
        assert (line["account"], line["outcome"], line["route"]) == (account, outcome, "admin/login/")
    assert client.get("/admin/").status_code == 200
    line = one_request(lines)
    assert (line["account"], line["route"], line["dialect"]) == (user.pk, "admin/", "site")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "headers", "status", "route", "outcome"),
    [
        ("/MARKER", {}, 404, None, "Resolver404"),
        ("/account/MARKER", {}, 404, None, "Resolver404"),
        ("/account/me?x=MARKER", {"Host": "MARKER.example"}, 400, "account/me", "DisallowedHost"),
        ("/account/me?x=" + "MARKER" * 2_000, {}, 414, "account/me", "AddressTooLong"),
        ("/admin/MARKER", {}, 302, r"admin/(?P<url>.*)$", "ok"),
    ],
)
def test_a_refusal_outside_every_view_is_one_line(client, lines, path, headers, status, route, outcome):
    assert client.get(path, headers=headers).status_code == status
    line = one_request(lines)
    assert (line["status"], line["route"], line["outcome"]) == (status, route, outcome)
    assert line["dialect"] == ("cabinet" if path.startswith("/account/") else "site")
    assert "MARKER" not in str(line)


@pytest.mark.django_db
def test_a_form_without_its_token_is_one_line(lines, client):
    client.handler.enforce_csrf_checks = True
    assert client.post("/admin/login/", {"username": "MARKER"}).status_code == 403
    assert one_request(lines)["outcome"] == "PermissionDenied"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/info/users/?x=MARKER", "/?x=MARKER"])
def test_the_unforeseen_is_told_once_and_shows_nothing(client, lines, monkeypatch, path):
    def broken(*_args, **_options):
        raise ValueError("MARKER")

    monkeypatch.setattr(directory, "pages", broken)
    monkeypatch.setattr("authsite.pages.render", broken)
    client.raise_request_exception = False
    response = client.get(path)
    assert response.status_code == 500
    assert set(response.json().values()) == {"Something went wrong on our side."}
    told, request = lines()
    assert (told["level"], told["exception"][0]["error"]) == ("error", "ValueError")
    assert (request["level"], request["status"], request["outcome"]) == ("error", 500, "ValueError")
    assert told["request_id"] == request["request_id"] == response["X-Request-ID"]
    assert "MARKER" not in str([told, request])


@pytest.mark.django_db
def test_a_stream_has_its_line_when_it_has_ended(client, lines, monkeypatch):
    entries = directory.page()

    def breaking(**_options):
        yield entries
        raise ValueError("MARKER")

    whole = client.get("/info/users/")
    assert lines() == []
    b"".join(whole.streaming_content)
    line = one_request(lines)
    assert (line["level"], line["status"], line["outcome"]) == ("info", 200, "ok")

    left = client.get("/info/users/")
    next(iter(left.streaming_content))
    left.close()
    line = one_request(lines)
    assert (line["level"], line["status"], line["outcome"]) == ("info", 200, "Unfinished")

    monkeypatch.setattr(directory, "pages", breaking)
    broken = client.get("/info/users/")
    with pytest.raises(ValueError, match="MARKER"):
        b"".join(broken.streaming_content)
    line = one_request(lines)
    assert (line["level"], line["status"], line["outcome"]) == ("error", 200, "ValueError")

    assert b"".join(client.head("/info/users/").streaming_content) == b""
    assert one_request(lines)["outcome"] == "ok"


@pytest.mark.parametrize(
    "logger", ["django.request", "django.security.csrf", "authsite.serve", "accounts", "py.warnings"]
)
def test_no_text_forges_a_line(logger):
    text = written("%s and %r", (FORGERY, FORGERY), None, name=logger)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["event"].startswith('x\n{"event": "forged"}\r\x1b[2K')


@pytest.mark.django_db
def test_no_name_agent_path_or_method_forges_a_line(client, lines):
    agent = FORGERY.encode("utf-8", "surrogatepass").decode("latin-1")
    for path in ("/auth", "/api/v0/tokens", "/account/login", "/nothing%0A%1B%E2%80%A8", "/admin/%0A"):
        form = {"username": FORGERY, "login": FORGERY, "password": FORGERY}
        body = json.dumps(form)
        headers = {"User-Agent": agent, "Referer": agent, "X-Forwarded-For": agent, **BROWSER}
        client.generic("POST", path, body, content_type="application/json", headers=headers)
        assert "forged" not in str(one_request(lines))
    client.generic("FORGED\n", "/auth")
    assert one_request(lines)["method"] == "other"
