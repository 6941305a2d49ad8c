"""Hostile input on every argument of every call: never a 5xx, never a page, and nothing written by what is refused.

The calls and their arguments are those of the OpenAPI document, which is made from the URLconf.
"""

import gzip
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import connection
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.clients import Dialect
from accounts.tests.factories import HERE, make_user
from authsite.requests import UTF8WSGIRequest
from authsite.tests.doors import BROWSER, NAMES, PASSWORD, PROVIDER_SETTINGS, SUPER_APPLICATION_TOKEN, super_application
from authsite.tests.undoing import undone
from tokens.formats import TokenType
from tokens.services import ledger, refreshing

# A provider that nobody answers for: its paths get as far as asking it.
UNREACHABLE = {
    f"OAUTH_{prefix}_{name}": value
    for prefix in ("VK", "MAILRU", "YANDEX")
    for name, value in {
        "CLIENT_ID": "client",
        "CLIENT_SECRET": "secret",
        "TOKEN_URL": "http://127.0.0.1:9/",
        "USERINFO_URL": "http://127.0.0.1:9/",
    }.items()
}
KEYS = {
    Dialect.GIGACHAT: [{"status", "reason", "description"}],
    Dialect.GONCORD: [{"error"}, {"errors"}],
    Dialect.REGISTRATION: [{"message"}, {"message", "errors"}],
    Dialect.CABINET: [{"errorMessage"}],
}
# A good value for every argument there is but tokens, so that one alone is bad at a time; `{n}` tells accounts apart.
GOOD = {
    "access_token": "provider-token-{n}",
    "after": "0",
    "agent": "Test",
    "apps": {},
    "avatar": "",
    "background_color": "#005CC9",
    "birthday": "2001-02-03",
    "code": "code-{n}",
    "contact": "c{n}@example.org",
    "create_token": "true",
    "description": "о себе",
    "device_id": "device",
    "email": "e{n}@example.org",
    "first_name": NAMES["first_name"],
    "hash_password": PASSWORD,
    "id": "ivan",
    "last_name": NAMES["last_name"],
    "limit": "10",
    "login": "login_{n}",
    "name": "ivan",
    "new_password": PASSWORD,
    "old_password": PASSWORD,
    "password": PASSWORD,
    "patronymic": "Иванович",
    "phone_number": "+7999{n:07}",
    "q": "ivan",
    "roles": ["teacher"],
    "second_name": "Иванович",
    "started": "2026-01-02-03:04:05",
    "state": "state",
    "username": "name_{n}",
}
# Texts that are no value of any argument; in the query the long ones make an address that is too long.
IMPOSSIBLE = ["\x00", "ivan\x00", "\ud800", "a\udfffb", "a@" + "a." * 50_000]
# Texts that may be a value of some argument: what they must not be is an error of ours.
STRANGE = [
    "\ufffe\uffff",
    "\r\nX-Injected: 1",
    "\u200b\u202eivan",
    "x" * 257,
    "🐎я" * 1_025,
    "%' OR 1=1 --",
    "../../etc/passwd%00{{7*7}}${jndi:ldap://x}",
    "-1",
    "9" * 19,
    "9" * 400,
    "1e999",
    "NaN",
    "[]",
    "0000-00-00",
    "9999-12-31-23:59:59",
    "١٢٣٤٥٦٧٨٩٠",
    "+" * 200,
    "ß@ß.ß",
    "a@" + "xn--" * 20 + ".ru",
]
WRONG_TYPES = [0, -1, 1e308, 10**400, True, [], ["x"], [[None]], {}, {"": {"a": 1}}, "", None]
RAW_BODIES = {
    "list": b"[]",
    "null": b"null",
    "text": b'"x"',
    "number": b"1",
    "nothing": b"",
    "NaN": b'{"%s": NaN}',
    "infinity": b'{"%s": -Infinity}',
    "5000 digits": b'{"%s": ' + b"9" * 5_000 + b"}",
    "a huge exponent": b'{"%s": 1e99999}',
    "100 000 deep": b'{"%s": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100 000 objects deep": b'{"%s":' * 3 + b'{"a":' * 100_000,
    "never closed": b'{"%s": "x',
    "a lone surrogate": b'{"%s": "\\ud800"}',
    "a lone surrogate for a name": b'{"\\udc00": "x"}',
    "bytes that are no UTF-8": b'{"%s": "\xff\xfe"}',
    "UTF-16": '{"%s": "x"}'.encode("utf-16"),
    "UTF-32": '{"%s": "x"}'.encode("utf-32"),
    "BOM": b'\xef\xbb\xbf{"%s": "x"}',
    "the same name twice": b'{"%s": 1, "%s": []}',
    "3 MB": b'{"%s": "' + b"x" * 3_000_000 + b'"}',
    "10 000 names": b"{" + b",".join(b'"n%d":0' % number for number in range(10_000)) + b"}",
}
FORMS = {
    "no UTF-8": b"%s=%ff%fe&%ff=1",
    "broken escapes": b"%s=%&%%=%zz&=&&&",
    "2 000 fields": b"&".join(b"f%d=1" % number for number in range(2_000)),
    "nul": b"%s=%00",
    "a surrogate": b"%s=%ed%a0%80",
}
PART = b'--boundary\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n'
MULTIPART = {
    "1 000 parts": PART * 1_000 + b"--boundary--",
    "1 000 files": b"".join(
        b'--boundary\r\nContent-Disposition: form-data; name="%%s"; filename="%d"\r\n\r\nx\r\n' % number
        for number in range(1_000)
    )
    + b"--boundary--",
    "a file for a text": (
        b'--boundary\r\nContent-Disposition: form-data; name="%s"; filename="a"\r\n\r\nx\r\n--boundary--'
    ),
    "never closed": PART,
    "no parts": b"--boundary--",
    "no boundary in the body": b"nothing",
    "broken base64": (
        b'--boundary\r\nContent-Disposition: form-data; name="%s"\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n'
        b"--boundary--"
    ),
    "a path for a file name": (
        b'--boundary\r\nContent-Disposition: form-data; name="%s"; filename="../../../etc/x"\r\n\r\nx\r\n--boundary--'
    ),
    "another charset": (
        b'--boundary\r\nContent-Disposition: form-data; name="%s"\r\n'
        b"Content-Type: text/plain; charset=bz2_codec\r\n\r\nx\r\n--boundary--"
    ),
}
BOMB = gzip.compress(b'{"a": "' + b"x" * 10_000_000 + b'"}')
# OpenAPI knows no body of a DELETE; these have one.
IN_BODY = {"/api/v0/roles": ("roles",), "link": ("hash_password",)}
LONG_LIST = ",".join(f"application/x-{number};q=0.{number % 10}" for number in range(10_000))
# Headers in one request have readers that do not know each other.
HEADERS = [
    {"Accept": LONG_LIST, "Accept-Language": ",".join(["ru;q=0.1", "*;q=9"] * 5_000)},
    {"Accept": "x" * 100_000, "Accept-Language": "\x00" + "x-" * 10_000, "X-HTTP-Method-Override": "DELETE"},
    {"Accept": "\x00;;;q=q,/", "User-Agent": "\x00\xff\r" + "x" * 70_000, "X-Forwarded-Host": "evil.example"},
    {"Accept": "text/html", "X-Forwarded-For": ", ".join(["\xff", "::1", "1.2.3.4"] * 3_000), "Forwarded": "for=;;;"},
    {"Range": "bytes=0-0,5-", "If-None-Match": '"' * 9_000, "If-Modified-Since": "\xff", "X-Forwarded-Proto": "\x00"},
    {"Authorization": "Bearer " + "x" * 100_000},
    {"Authorization": "Bearer \xff\xfe\x00"},
    {"Authorization": "Basic Og=="},
    {"Authorization": "Bearer a.b.c d"},
    {"Cookie": "access=\xff; refresh=\x00; jwt=" + "x" * 9_000 + "; sessionid=" + "x" * 5_000},
    {"Cookie": ";".join(f"c{number}=1" for number in range(5_000))},
    {"browser": "\xff\xfe" + "x" * 70_000},
    {"x-app-token": "\xff" * 9_000},
    {"Origin": "null\xff"},
    {"Sec-Purpose": "\x00prefetch"},
    {"Content-Length": "-1"},
    {"Content-Length": "9" * 40},
    {"Content-Length": "x"},
]

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Operation:
    """A call as the OpenAPI document describes it."""

    method: str
    path: str
    dialect: Dialect
    query: tuple[str, ...]
    in_path: tuple[str, ...]
    fields: tuple[str, ...]
    token_type: TokenType | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def answers_pages(self) -> bool:
        """Whether people see it in a browser: the end of a provider's dance."""
        return self.path.endswith(("/callback", "/enter"))


def operations() -> list[Operation]:
    document = SchemaGenerator().get_schema(request=None, public=True)
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if (dialect := operation["tags"][0]) not in KEYS:
                continue
            parameters = [(parameter["name"], parameter["in"]) for parameter in operation.get("parameters", ())]
            content = operation.get("requestBody", {}).get("content", {})
            fields: dict[str, Any] = {}
            for body in content.values():
                schema = body["schema"]
                if "$ref" in schema:
                    schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                fields |= schema.get("properties", {})
            security = [name for scheme in operation.get("security", ()) for name in scheme]
            found.append(
                Operation(
                    method.upper(),
                    path,
                    Dialect(dialect),
                    tuple(name for name, place in parameters if place == "query"),
                    tuple(name for name, place in parameters if place == "path"),
                    tuple(fields)
                    or (IN_BODY.get(path, IN_BODY.get(path.rpartition("/")[2], ())) if method == "delete" else ()),
                    TokenType(security[0].removesuffix(" token")) if security else None,
                )
            )
    return found


OPERATIONS = operations()
EVERY_OPERATION = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


class Caller:
    """Sends requests that are good but for what the test changes, each as the first one of a new account."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.client = Client(raise_request_exception=False)
        self.user = make_user("ivan", email="ivan@example.org", phone="+79990000000")
        super_application()
        self.token = self._token()

    def _token(self) -> str:
        """A token of the type the call wants, or that it takes as an argument."""
        wanted = self.operation.token_type
        if wanted == TokenType.REGISTRATION_ACCESS or (wanted is None and "access" in self.operation.query):
            return refreshing.open_pair(self.user, client=HERE).access
        if wanted is None and "refresh" in self.operation.query:
            return refreshing.open_pair(self.user, client=HERE).refresh
        dialect = Dialect(wanted) if wanted else Dialect.GIGACHAT
        return ledger.open_sign_in(self.user, dialect=dialect, client=HERE).secret

    def good(self, names: tuple[str, ...]) -> dict[str, Any]:
        values = {name: self.token if name in ("access", "refresh", "token") else GOOD[name] for name in names}
        return {name: value.format(n=1) if isinstance(value, str) else value for name, value in values.items()}

    def __call__(
        self, query: Any = None, body: Any = None, path: Any = None, headers: Any = None, content_type: str = ""
    ) -> Any:
        """The answer. `query`, `body` and `path` are changes to what is good, or, for a body, raw bytes."""
        operation = self.operation
        address = operation.path
        for name, value in {**self.good(operation.in_path), **(path or {})}.items():
            address = address.replace(f"{{{name}}}", quote(value, safe="", errors="surrogatepass"))
        arguments = {**self.good(operation.query), **(query or {})}
        if arguments:
            address += "?" + urlencode(arguments, errors="surrogatepass")
        sent: Any = b""
        if isinstance(body, bytes):
            sent = body
        elif operation.fields or body:
            sent = json.dumps({**self.good(operation.fields), **(body or {})})
        known = {**BROWSER, "x-app-token": SUPER_APPLICATION_TOKEN}
        if operation.token_type is not None:
            scheme = "" if operation.token_type == TokenType.CABINET else "Bearer "
            known["Authorization"] = scheme + self.token
        with undone(), statements() as written:
            response = self.client.generic(
                operation.method,
                address,
                sent,
                content_type=content_type or "application/json",
                headers={**known, **(headers or {})},
            )
            content = b"".join(response.streaming_content) if response.streaming else response.content
        self.judge(response, content, written)
        return response

    def judge(self, response: Any, content: bytes, written: list[str]) -> None:
        """What holds of every answer to anything."""
        status, operation = response.status_code, self.operation
        assert status < 500 or (status == 502 and operation.path.split("/")[1] in ("vk", "mail.ru", "yandex")), content
        if status == 204 or not content:
            return
        if operation.answers_pages and response["Content-Type"].startswith("text/html"):
            return
        assert response["Content-Type"] in ("application/json", "image/png"), content
        body = json.loads(content)
        if status >= 400:
            assert set(body) in KEYS[operation.dialect], content
            assert written == [], content
            # No refusal repeats what it was sent: it could be anybody's secret.
            assert len(content) < 10_000


@contextmanager
def statements() -> Any:
    """The writing statements, but for the records of refusals, the counters of attempts and when a token was used."""
    written: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        harmless = r'"accounts_(event|attemptcounter)"|UPDATE "(tokens_signin|accounts_application)" SET "last_used"'
        result = execute(sql, params, many, context)
        writes = re.match(r"\s*(INSERT|UPDATE|DELETE)", sql) and context["cursor"].rowcount
        if writes and not re.search(harmless, sql[:200]):
            written.append(sql)
        return result

    with connection.execute_wrapper(note):
        yield written


@pytest.fixture(autouse=True)
def _as_it_is_served_but_for_counters(settings, monkeypatch):
    # The test client makes Django's own request; the server makes this one.
    monkeypatch.setattr("django.test.client.WSGIRequest", UTF8WSGIRequest)
    settings.ACCOUNTS_RATE_LIMITS = False
    for name, value in {**PROVIDER_SETTINGS, **UNREACHABLE}.items():
        setattr(settings, name, value)


@pytest.fixture
def call(operation):
    return Caller(operation)


def refused_or_false(response):
    if response.status_code >= 400:
        return True
    body = response.json()
    nothing = ([], False, {"status": "Done", "data": False})
    return body in nothing or (isinstance(body, dict) and body.get("is_login_available") is False)


@EVERY_OPERATION
def test_good_arguments_are_good(operation):
    """Or the refusals below would be about something else."""
    response = Caller(operation)()
    # A provider nobody answers for confirms nothing.
    if operation.path.split("/")[1] not in ("vk", "mail.ru", "yandex"):
        assert response.status_code == EXPECTED.get(str(operation), response.status_code), response.content
        assert str(operation) in EXPECTED or response.status_code in (200, 201, 204), response.content


# A sign-in of an account made up, and a picture that is a text.
EXPECTED = {
    "GET /auth": 404,
    "POST /auth": 404,
    "POST /api/v0/tokens": 401,
    "POST /authorization/login/email": 401,
    "POST /authorization/login/phone/number": 401,
    "POST /account/login": 400,
    "POST /account/edit/avatar": 400,
}


@EVERY_OPERATION
def test_texts(operation, call):
    for text in IMPOSSIBLE:
        for name in operation.query:
            assert refused_or_false(call(query={name: text})) or name == "agent", (name, text[:20])
        for name in operation.in_path:
            if len(text) < 1_000:
                assert refused_or_false(call(path={name: text})), (name, text[:20])
        for name in operation.fields:
            if name not in ("create_token",):
                assert refused_or_false(call(body={name: text})), (name, text[:20])
    for text in STRANGE:
        for name in operation.query:
            call(query={name: text})
        for name in operation.in_path:
            call(path={name: text})
        for name in operation.fields:
            call(body={name: text})


@EVERY_OPERATION
def test_wrong_types(operation, call):
    for name in operation.fields:
        for value in WRONG_TYPES:
            response = call(body={name: value})
            if isinstance(value, int | float | dict | list) and name not in ("create_token", "roles", "apps"):
                assert refused_or_false(response), (name, value)


@EVERY_OPERATION
def test_bodies(operation, call):
    name = (operation.fields or ("x",))[0].encode()
    for what, raw in RAW_BODIES.items():
        response = call(body=raw.replace(b"%s", name))
        if operation.fields and what not in ("nothing", "the same name twice", "10 000 names", "BOM"):
            assert response.status_code in (400, 413), (what, response.content)
    for raw in FORMS.values():
        call(body=raw.replace(b"%s", name), content_type="application/x-www-form-urlencoded")
    for raw in MULTIPART.values():
        call(body=raw.replace(b"%s", name), content_type="multipart/form-data; boundary=boundary")
    for content_type in (
        "application/json; charset=bz2_codec",
        "application/json; charset=rot13",
        "application/x-www-form-urlencoded; charset=utf-7",
        "multipart/form-data",
        "multipart/form-data; boundary=" + "b" * 1_000,
        "multipart/form-data; boundary=\xff",
        "multipart/mixed; boundary=boundary",
        "text/xml",
        "application/json/x",
        ";",
        "\xff",
        "x" * 9_000,
    ):
        call(body=b'{"a": 1}', content_type=content_type)
    for encoding in ("gzip", "deflate", "br", "gzip, gzip", "\xff"):
        response = call(body=BOMB, headers={"Content-Encoding": encoding})
        if operation.fields:
            assert response.status_code in (400, 415), response.content


@EVERY_OPERATION
def test_headers(operation, call):
    for headers in HEADERS:
        call(headers=headers)
