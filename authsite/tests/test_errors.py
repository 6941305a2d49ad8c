"""Every way the house refuses, in every dialect's envelope: its own errors by the table, the framework's by calls."""

import json

import pytest
from django.db import InterfaceError, OperationalError

from accounts import errors
from accounts.clients import Dialect
from accounts.dialects.registry import envelope
from accounts.errors import DomainError
from accounts.services import credentials
from accounts.tests.factories import make_user
from authsite.tests.doors import BROWSER, FRONT_DOORS, send

# A path of each dialect; every other path answers `{"message": text}`.
PATHS = {
    Dialect.GIGACHAT: "/auth",
    Dialect.GONCORD: "/api/v0/tokens",
    Dialect.REGISTRATION: "/authorization/login/email",
    Dialect.CABINET: "/account/login",
    Dialect.SITE: "/elsewhere",
}
SERVED = [*(door.dialect for door in FRONT_DOORS), Dialect.SITE]
EVERY_DIALECT = pytest.mark.parametrize("dialect", SERVED)
EVERY_DOOR = pytest.mark.parametrize("door", FRONT_DOORS, ids=str)

# The error: its status in gigachat (with the code), goncord, registration, cabinet, and outside the dialects.
STATUSES = {
    errors.DomainError: ((400, None), 400, 400, 400, 400),
    errors.InvalidInput: ((400, "LackOfArgument"), 422, 422, 400, 400),
    errors.InvalidIdentifier: ((400, "NotValidContact"), 422, 422, 400, 400),
    errors.PasswordRefused: ((400, "BadPassword"), 422, 422, 400, 400),
    errors.WrongCurrentPassword: ((400, "LackOfArgument"), 422, 422, 400, 400),
    errors.IdentifierTaken: ((409, "UsernameAlreadyRegistered"), 422, 409, 400, 409),
    errors.InvalidCredentials: ((404, "UserNotFound"), 401, 401, 400, 401),
    errors.TokenNotWorking: ((404, "UserNotFound"), 401, 401, 403, 401),
    errors.NotAllowed: ((403, "Forbidden"), 403, 403, 403, 403),
    errors.NotFound: ((404, "NotFound"), 404, 404, 404, 404),
    errors.AccountNotFound: ((404, "UserNotFound"), 404, 404, 404, 404),
    errors.Conflict: ((409, "Conflict"), 409, 409, 400, 409),
    errors.Throttled: ((429, "TooManyRequests"), 429, 429, 429, 429),
    errors.Unavailable: ((503, "ServiceUnavailable"), 503, 503, 503, 503),
    errors.BadGateway: ((502, "BadGateway"), 502, 502, 502, 502),
    errors.UnsafeHandling: ((406, "UnsafeHandling"), 406, 406, 406, 406),
}
# What is said by field, where a dialect says it so: the stored name, and the dialect's.
FIELDS = {
    errors.InvalidIdentifier: {Dialect.GONCORD: "phone", Dialect.REGISTRATION: "phone_number"},
    errors.PasswordRefused: {Dialect.GONCORD: "password", Dialect.REGISTRATION: "hash_password"},
    errors.WrongCurrentPassword: {Dialect.GONCORD: "old_password", Dialect.REGISTRATION: "hash_password"},
    errors.InvalidInput: {Dialect.GONCORD: "second_name", Dialect.REGISTRATION: "middle_name"},
}
ARGUMENTS = {
    errors.InvalidIdentifier: ("phone",),
    errors.PasswordRefused: (["It is short.", "It is common."],),
    errors.WrongCurrentPassword: (),
    errors.InvalidInput: ("middle_name",),
    errors.IdentifierTaken: (["username", "email"],),
    errors.Throttled: (7,),
    errors.Unavailable: (3,),
}


def nearest(cls, table):
    """What `table` says of `cls`, or of its nearest ancestor."""
    return next((table[parent] for parent in cls.__mro__ if parent in table), None)


def family(cls):
    return [cls, *(below for child in cls.__subclasses__() for below in family(child))]


def made(cls):
    """An error of `cls`: with what its parent needs, or with nothing."""
    for arguments in (nearest(cls, ARGUMENTS) or (), ()):
        try:
            return cls(*arguments)
        except TypeError:
            continue
    return cls("what was wrong")


# Whatever the apps add to the taxonomy is here too: the URLconf has imported them all.
DOMAIN_ERRORS = [cls for cls in family(DomainError) if cls.__module__ != __name__ and not hasattr(cls, "status")]


def body_of(dialect, status, code, text, fields):
    """The whole body, as the contract prints it."""
    if dialect == Dialect.GIGACHAT:
        reason = "ServerError" if status >= 500 else "BadRequest"
        return {"status": "Refused", "reason": reason, "description": code}
    if dialect == Dialect.GONCORD:
        return {"errors": fields} if status == 422 else {"error": text}
    if dialect == Dialect.CABINET:
        return {"errorMessage": text}
    if dialect == Dialect.REGISTRATION and status == 422:
        return {"message": text, "errors": fields}
    return {"message": text}


@EVERY_DIALECT
@pytest.mark.parametrize("cls", DOMAIN_ERRORS, ids=lambda cls: cls.__name__)
def test_a_domain_error_wears_the_dialects_envelope(dialect, cls):
    error = made(cls)
    columns = dict(zip(Dialect, nearest(cls, STATUSES), strict=True))
    (status, code), text = columns[Dialect.GIGACHAT], str(error.text)
    if dialect != Dialect.GIGACHAT:
        status = columns[dialect]
    response = envelope(PATHS[dialect])(error, {})
    if cls.__module__ != "accounts.errors" and response.status_code not in (status, 414):
        # A row of its own, given on purpose by the dialect the error belongs to.
        assert cls in type(envelope(PATHS[dialect])).rows
        status = response.status_code
    assert response.status_code in (status, 414)
    if isinstance(error, errors.IdentifierTaken):
        fields = {"login": [str(error.text_of("username"))], "email": [str(error.text_of("email"))]}
    else:
        name = (nearest(cls, FIELDS) or {}).get(dialect)
        fields = {getattr(error, "field", "") if cls.__module__ != "accounts.errors" else name: [text]}
        if isinstance(error, errors.PasswordRefused):
            fields = {name: error.texts}
    told = response.data
    if cls.__module__ == "accounts.errors" and (code or dialect != Dialect.GIGACHAT):
        assert told == body_of(dialect, status, code, text, fields)
    else:
        assert told.keys() == body_of(dialect, response.status_code, code, text, fields).keys()
    assert response.get("Retry-After") == {429: "7", 503: "3"}.get(status)
    assert response.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


def check(response, dialect, status, code):
    """`response` is `status` in the dialect's envelope, with all that every answer carries."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert {"authorization", "cookie", "accept-language"} <= {
        name.strip().lower() for name in response["Vary"].split(",")
    }
    body = json.loads(response.content)
    expected = body_of(dialect, status, code, next(iter(body.values())), body.get("errors"))
    if dialect == Dialect.GIGACHAT and code is None:
        expected["description"] = body["description"]
    assert body == expected
    for told in body.values():
        assert told
    return body


@EVERY_DOOR
@pytest.mark.django_db
@pytest.mark.parametrize("body", ["{", "NaN", "[]", "null", '"text"', "1", "[" * 100_000, "{}" * 2, b"\xff\xfe{"])
def test_a_body_that_is_no_json_object_is_400(client, door, body):
    check(send(client, "POST", door.path, body, headers=BROWSER), door.dialect, 400, "LackOfArgument")


SEGMENTS = {
    "register": Dialect.GIGACHAT,
    "auth": Dialect.GIGACHAT,
    "control": Dialect.GIGACHAT,
    "api": Dialect.GONCORD,
    "v0": Dialect.GONCORD,
    "account": Dialect.CABINET,
    "info": Dialect.CABINET,
    "authorization": Dialect.REGISTRATION,
    "validate": Dialect.REGISTRATION,
    "vk": Dialect.REGISTRATION,
    "mail.ru": Dialect.REGISTRATION,
    "yandex": Dialect.REGISTRATION,
    "elsewhere": Dialect.SITE,
    "": Dialect.SITE,
    "Account": Dialect.SITE,
    "accounts": Dialect.SITE,
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("segment", "dialect"), [(segment, dialect) for segment, dialect in SEGMENTS.items() if dialect in SERVED]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_an_unknown_path_is_404_by_its_first_segment(client, segment, dialect, method):
    for path in (f"/{segment}/no/such/thing", f"/{segment}/no/such/thing/"):
        check(send(client, method, path), dialect, 404, "NotFound")
        # Only what belongs to no dialect is a page for a browser.
        page = send(client, method, path, headers={"Accept": "text/html"})
        assert page.status_code == 404
        assert page["Content-Type"].startswith("text/html") == (dialect == Dialect.SITE)


@EVERY_DOOR
@pytest.mark.django_db
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "PATCH", "post", "PROPFIND"])
def test_a_method_nobody_knows_is_405(client, door, method):
    check(send(client, method, door.path, headers=BROWSER), door.dialect, 405, "MethodNotAllowed")


@EVERY_DOOR
@pytest.mark.django_db
def test_a_body_of_3_mb_is_413(client, door):
    body = json.dumps({door.name: "x" * 3_000_000, door.secret: "y"})
    check(send(client, "POST", door.path, body, headers=BROWSER), door.dialect, 413, "TooLarge")


@EVERY_DOOR
@pytest.mark.django_db
def test_an_address_of_9000_bytes_is_414_each_time(client, door):
    for _ in range(2):
        response = send(client, "POST", door.path, {}, {door.name: "x" * 9_000}, BROWSER)
        check(response, door.dialect, 414, None)


@EVERY_DOOR
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/plain", ""),
        ("text/html", ""),
        ("application/xml", ""),
        ("application/octet-stream", ""),
        ("application/json; charset=bz2_codec", ""),
        ("application/json; charset=utf-16", ""),
        ("application/x-www-form-urlencoded; charset=koi8-r", ""),
        ("application/json", "gzip"),
        ("application/json", "br"),
    ],
)
def test_a_body_of_another_type_is_415(client, door, content_type, encoding):
    headers = {**BROWSER, **({"Content-Encoding": encoding} if encoding else {})}
    response = client.generic("POST", door.path, "{}", content_type=content_type, headers=headers)
    check(response, door.dialect, 415, "UnsupportedMediaType")


@EVERY_DOOR
@pytest.mark.django_db
def test_an_account_held_back_is_429_for_the_right_secret_too(client, door, settings):
    settings.ACCOUNTS_FAILURES_PER_ACCOUNT = 1
    make_user("ivan")
    door(client, "ivan", "wrong")
    response = door(client, "ivan")
    check(response, door.dialect, 429, "TooManyRequests")
    assert 0 < int(response["Retry-After"]) <= settings.ACCOUNTS_LOCKOUT_SECONDS


@EVERY_DOOR
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("broken_by", "status", "code"),
    [
        pytest.param(RuntimeError("secret-in-an-exception"), 500, "ServerError", id="a mistake of ours"),
        pytest.param(MemoryError("secret-in-an-exception"), 500, "ServerError", id="no memory"),
        pytest.param(RecursionError("secret-in-an-exception"), 500, "ServerError", id="too deep"),
        pytest.param(OperationalError("secret-in-an-exception"), 503, "ServiceUnavailable", id="no database"),
        pytest.param(InterfaceError("secret-in-an-exception"), 503, "ServiceUnavailable", id="a dropped connection"),
    ],
)
def test_what_breaks_in_the_house_is_told_without_its_reasons(client, door, monkeypatch, broken_by, status, code):
    def broken(*_args, **_kwargs):
        raise broken_by

    client.raise_request_exception = False
    monkeypatch.setattr(credentials, "find", broken)
    response = door(client, "ivan")
    check(response, door.dialect, status, code)
    assert response.get("Retry-After") == ("1" if status == 503 else None)
    assert b"secret-in-an-exception" not in response.content
