"""gigachat: making an account."""

import json
import logging
from unittest.mock import ANY

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.dialects.gigachat import ControlEnvelope, GigachatEnvelope, SignInEnvelope
from accounts.models import Event, User, UsernameClaim
from accounts.services import credentials, registration
from accounts.tests.factories import make_user
from authsite.tests.races import race
from tokens.models import SignIn

PASSWORD = "Fox jumps 7"
IVAN = {"username": "Ivan.7", "password": PASSWORD, "contact": "ivan@example.org"}
JSON = "application/json"

pytestmark = pytest.mark.django_db


def refused(status, code, reason="BadRequest"):
    return status, {"status": "Refused", "reason": reason, "description": code}


def answer(response):
    return response.status_code, response.json()


def post(client, form, query=""):
    return client.post(f"/register{query}", json.dumps(form), content_type=JSON)


def nothing_was_made():
    return not (User.objects.exists() or UsernameClaim.objects.exists() or SignIn.objects.exists())


@pytest.mark.parametrize("path", ["/register", "/register/"])
def test_get_makes_an_account_and_signs_it_in(client, path):
    response = client.get(path, IVAN, headers={"User-Agent": "Чат 1.0"})
    user, row = User.objects.get(), SignIn.objects.get()
    token = response.json()["data"]["token"]
    assert answer(response) == (
        200,
        {"status": "Done", "data": {"id": user.pk, "token": token}, "user-data": {"id": user.pk, "name": "Ivan.7"}},
    )
    assert token.startswith(f"user.{user.pk}.")
    assert (user.username, user.email, user.phone) == ("Ivan.7", "ivan@example.org", None)
    assert (row.user, row.dialect, row.agent, row.ip) == (user, "gigachat", "Чат 1.0", "127.0.0.1")
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "Set-Cookie" not in response
    kinds = list(Event.objects.order_by("id").values_list("kind", "dialect"))
    assert kinds == [("registered", "gigachat"), ("signed_in", "gigachat")]


def test_the_contact_may_be_a_phone_in_any_spelling(client):
    client.get("/register", {**IVAN, "contact": "8 (999) 123-45-67"})
    user = User.objects.get()
    assert (user.email, user.phone) == (None, "+79991234567")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "form"])
def test_post_makes_no_token_unless_asked(client, as_json):
    response = post(client, IVAN) if as_json else client.post("/register", IVAN)
    user = User.objects.get()
    assert answer(response) == (200, {"status": "Done", "user-data": {"id": user.pk, "name": "Ivan.7"}})
    assert not SignIn.objects.exists()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (True, True),
        (False, False),
        ("false", False),
        ("False", True),
        ("0", True),
        ("no", True),
        ("", True),
        (None, False),
    ],
)
def test_create_token_is_true_but_for_the_word_false(client, value, wanted):
    response = post(client, {**IVAN, "create_token": value})
    assert response.status_code == 200
    assert ("data" in response.json(), SignIn.objects.count()) == (wanted, int(wanted))


@pytest.mark.parametrize(("value", "wanted"), [("false", False), ("true", True), ("", True), ("0", True)])
def test_create_token_in_a_form(client, value, wanted):
    response = client.post("/register", {**IVAN, "create_token": value})
    assert ("data" in response.json(), SignIn.objects.count()) == (wanted, int(wanted))


@pytest.mark.parametrize("value", [0, 1, 1.5, [], ["true"], {}])
@pytest.mark.parametrize("changes", [{}, {"username": "!"}], ids=["alone", "with a bad name"])
def test_create_token_of_another_type_is_refused(client, value, changes):
    assert answer(post(client, {**IVAN, **changes, "create_token": value})) == refused(400, "LackOfArgument")
    assert nothing_was_made()


def test_get_knows_no_create_token(client):
    assert "data" in client.get("/register", {**IVAN, "create_token": "false"}).json()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["username", "password", "contact"])
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "absent"])
def test_what_is_lacking_is_told_before_what_is_wrong(client, method, name, empty):
    form = {"username": "!", "password": "1", "contact": "nobody", name: ""}
    if not empty:
        del form[name]
    assert answer(getattr(client, method)("/register", form)) == refused(400, "LackOfArgument")
    assert nothing_was_made()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"username": "!", "password": "1", "contact": "x"}, (400, "BadName")),
        ({"password": "1", "contact": "x"}, (400, "BadPassword")),
        ({"contact": "x"}, (400, "NotValidContact")),
        ({"username": "TAKEN", "contact": "taken@example.org"}, (409, "UsernameAlreadyRegistered")),
        ({"contact": "Taken@EXAMPLE.org"}, (409, "ContactAlreadyRegistered")),
        ({"contact": "8 999 000 00 00"}, (409, "ContactAlreadyRegistered")),
        ({"username": "TAKEN", "contact": "x"}, (400, "NotValidContact")),
    ],
)
def test_refusals_in_their_order(client, method, changes, expected):
    make_user("taken", email="taken@example.org", phone="+79990000000")
    assert answer(getattr(client, method)("/register", {**IVAN, **changes})) == refused(*expected)
    assert User.objects.count() == UsernameClaim.objects.count() == 1
    assert not SignIn.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["abc", "a" * 65, "пётр", "a b c", "ivan ", "ivan@", "ivan/", "ivan%", "1234567890", "12-34-56-78-90", "ivan\n",
     "ivan\x00", "iva\u200bn", "ｉｖａｎ"],
)  # fmt: skip
def test_bad_names(client, name):
    assert answer(client.get("/register", {**IVAN, "username": name})) == refused(400, "BadName")
    assert nothing_was_made()


@pytest.mark.parametrize("name", ["abcd", "a" * 64, "<{-_.!}>", "123456789", "12345678901x"])
def test_good_names(client, name):
    assert client.get("/register", {**IVAN, "username": name}).json()["user-data"]["name"] == name


@pytest.mark.parametrize("password", ["12345", "x" * 257, "secret\x00", "\ufffd" * 8])
def test_bad_passwords(client, password):
    assert answer(client.get("/register", {**IVAN, "password": password})) == refused(400, "BadPassword")
    assert nothing_was_made()


@pytest.mark.parametrize("password", ["123456", "x" * 256, "пароль", " 🦊 fox ", "a\r\nb\tc'\""])
def test_good_passwords_sign_in(client, password):
    made = client.get("/register", {**IVAN, "password": password}).json()["user-data"]["id"]
    found = client.get("/auth", {"username": "ivan.7", "password": password})
    assert (found.status_code, found.json()["data"]["id"]) == (200, made)
    assert client.get("/auth", {"username": "ivan.7", "password": password[:-1]}).status_code == 404


@pytest.mark.parametrize("contact", ["ivan", "ivan@", "@example.org", "+7", "12345678901234567890", "a@b.c\n",
                                     "x\x00@example.org", f"{'a' * 243}@example.org"])  # fmt: skip
def test_contacts_that_are_neither(client, contact):
    assert answer(client.get("/register", {**IVAN, "contact": contact})) == refused(400, "NotValidContact")
    assert nothing_was_made()


@pytest.mark.parametrize(
    ("field", "code"), [("username", "BadName"), ("password", "BadPassword"), ("contact", "NotValidContact")]
)
@pytest.mark.parametrize("value", [5, True, 1.5, ["ivan"], {"a": 1}, "x\x00yz12", "\ufffe\ufffe\ufffe", "x" * 300])
def test_wrong_values_have_the_code_of_their_field(client, field, code, value):
    assert answer(post(client, {**IVAN, field: value})) == refused(400, code)
    assert nothing_was_made()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"5",
        b"\xff",
        b'{"username": "\\ud800abc"}',
        b"[" * 100_000,
        b"\xef\xbb\xbf{}",
    ],
    ids=["empty", "cut", "list", "null", "text", "number", "no utf-8", "surrogate", "deep", "bom"],
)
def test_a_body_that_is_no_object_lacks_everything(client, body):
    assert answer(client.post("/register", body, content_type=JSON)) == refused(400, "LackOfArgument")
    assert nothing_was_made()


def test_a_body_of_another_type(client):
    refusal = refused(415, "UnsupportedMediaType")
    assert answer(client.post("/register", b"username=ivan", content_type="text/plain")) == refusal
    assert answer(client.post("/register", b"{}", content_type="application/json; charset=utf-16")) == refusal
    assert nothing_was_made()


def test_a_body_that_is_too_large(client):
    body = json.dumps({**IVAN, "more": "x" * 1_100_000})
    assert answer(client.post("/register", body, content_type=JSON)) == refused(413, "TooLarge")
    assert nothing_was_made()


def test_an_address_that_is_too_long(client):
    assert answer(client.get("/register", {**IVAN, "more": "x" * 8000})) == refused(414, "TooLarge")
    assert nothing_was_made()


def test_post_takes_what_the_body_lacks_from_the_query(client):
    query = f"?username=Query&contact=query@example.org&password={PASSWORD}&create_token=false"
    response = post(client, {"username": "Body", "contact": "", "password": None, "create_token": True}, query)
    user = User.objects.get()
    assert (user.username, user.email, "data" in response.json()) == ("Body", "query@example.org", True)


def test_post_without_a_body_reads_the_query(client):
    response = client.post(f"/register?username=Query&contact=query@example.org&password={PASSWORD}")
    assert response.json()["user-data"]["name"] == "Query"


def test_of_a_repeated_argument_the_last_counts(client):
    client.get(
        f"/register?username=first&username=Second&contact=a@b.org&contact=c@d.org&password=1&password={PASSWORD}"
    )
    user = User.objects.get()
    assert (user.username, user.email, user.check_password(PASSWORD)) == ("Second", "c@d.org", True)
    form = f"username=third&username=Fourth&contact=e@f.org&password=1&password={PASSWORD}"
    client.post("/register", form, content_type="application/x-www-form-urlencoded")
    post(client, {}, f"?username=fifth&username=Sixth&contact=g@h.org&password={PASSWORD}")
    body = f'{{"username": "seventh", "username": "Eighth", "contact": "i@j.org", "password": "{PASSWORD}"}}'
    client.post("/register", body, content_type=JSON)
    names = list(User.objects.order_by("id").values_list("username", flat=True))
    assert names == ["Second", "Fourth", "Sixth", "Eighth"]


def test_rights_are_not_taken_from_a_caller(client):
    wishes = {
        "is_staff": True,
        "is_superuser": True,
        "roles": ["admin"],
        "id": 10**9,
        "is_active": False,
        "email": "x@y.z",
    }
    post(client, {**IVAN, **wishes})
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active, user.roles.count()) == (False, False, True, 0)
    assert (user.pk != 10**9, user.email) == (True, "ivan@example.org")


def test_the_policy_speaks_before_the_contact(client, settings):
    settings.ACCOUNTS_PASSWORD_POLICY = "strict"
    for password in ("password1", "Ivan.7"):
        form = {**IVAN, "password": password, "contact": "x"}
        assert answer(client.get("/register", form)) == refused(400, "BadPassword")
    assert nothing_was_made()


def test_head_and_prefetch_make_nothing(client):
    head = client.head("/register", IVAN)
    assert (head.status_code, head["Allow"], head.content) == (405, "GET, POST", b"")
    for purpose in ("prefetch", "prefetch;prerender"):
        assert answer(client.get("/register", IVAN, headers={"Sec-Purpose": purpose})) == refused(403, "Forbidden")
    assert nothing_was_made()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_methods_it_does_not_know(client, method):
    response = getattr(client, method)("/register")
    assert answer(response) == refused(405, "MethodNotAllowed")
    assert nothing_was_made()


def test_an_overriding_header_changes_no_method(client):
    response = client.delete("/register", headers={"X-HTTP-Method-Override": "POST"}, query_params=IVAN)
    assert response.status_code == 405
    assert nothing_was_made()


@pytest.mark.parametrize("path", ["/register/more", "/auth/x", "/control", "/control/token"])
def test_unknown_paths_wear_the_envelope(client, path):
    assert answer(client.get(path)) == refused(404, "NotFound")


def test_what_a_foreign_host_is_told(client):
    assert answer(client.get("/auth", headers={"Host": "evil.example"})) == refused(400, "LackOfArgument")


def test_plain_http_where_tls_is_required(client, settings):
    settings.REQUIRE_TLS = True
    assert answer(client.get("/register", IVAN)) == refused(403, "Forbidden")
    assert nothing_was_made()


def test_the_unforeseen_and_a_database_that_is_away(client, monkeypatch):
    client.raise_request_exception = False

    def fail(error):
        def candidate(**_):
            raise error

        monkeypatch.setattr(registration, "candidate", candidate)
        return client.get("/register", IVAN)

    assert answer(fail(KeyError("secret"))) == refused(500, "ServerError", "ServerError")
    away = fail(OperationalError("server closed the connection"))
    assert answer(away) == refused(503, "ServiceUnavailable", "ServerError")
    assert away["Retry-After"] == "1"
    assert nothing_was_made()


@pytest.mark.parametrize("envelope", [GigachatEnvelope(), SignInEnvelope(), ControlEnvelope()])
def test_every_refusal_has_a_code_of_this_dialect(envelope):
    for status, code in envelope.rows.values():
        assert code.isalpha()
        assert code[0].isupper()
        assert 400 <= status < 600


@pytest.mark.parametrize("secret", ["password=x", "token=x", "password=&token=x", "password=x&password="])
def test_secrets_in_a_query_where_they_are_refused(client, settings, secret):
    settings.ACCOUNTS_REFUSE_SECRETS_IN_QUERY = True
    expected = refused(406, "UnsafeHandling") if not secret.endswith("password=") else refused(400, "LackOfArgument")
    assert answer(client.get(f"/register?username=Ivan.7&contact=a@b.org&{secret}")) == expected
    assert nothing_was_made()


def test_secrets_in_a_body_where_they_are_refused_in_a_query(client, settings):
    settings.ACCOUNTS_REFUSE_SECRETS_IN_QUERY = True
    query = "?username=Ivan.7&contact=ivan@example.org"
    assert answer(post(client, {}, f"{query}&password={PASSWORD}")) == refused(406, "UnsafeHandling")
    assert nothing_was_made()
    assert post(client, {"password": PASSWORD}, query).status_code == 200


def test_a_passwords_bytes_that_are_no_utf_8_are_no_password(client):
    query = "/register?username=Ivan.7&contact=a@b.org&password="
    assert answer(client.get(query + "%EF%E0%F0%EE%EB%FC")) == refused(400, "BadPassword")
    assert nothing_was_made()


def test_what_is_taken_is_found_before_the_hash(client, monkeypatch):
    make_user("taken")
    monkeypatch.setattr(credentials, "hashed", lambda password: pytest.fail("hashed"))
    assert client.get("/register", {**IVAN, "username": "taken"}).status_code == 409


def test_queries_of_a_registration(client, django_assert_num_queries, settings):
    # What the counters cost is told by `test_lockout`.
    settings.ACCOUNTS_RATE_LIMITS = False
    client.get("/register", IVAN)
    other = {**IVAN, "username": "Other", "contact": "other@example.org"}
    with django_assert_num_queries(15) as asked:
        client.get("/register", other)
    words = [query["sql"].split()[0] for query in asked.captured_queries]
    # Whether username and contact are taken; account, claim and their event; the sign-in and its event.
    assert [words.count(word) for word in ("SELECT", "INSERT", "UPDATE")] == [2, 5, 0]


def test_no_secret_in_any_log_line(client, caplog, settings, monkeypatch):
    caplog.set_level(logging.DEBUG)
    client.raise_request_exception = False
    secret = "MARKER-of-a-secret"
    client.get("/register", {**IVAN, "password": secret})
    client.get("/register", {**IVAN, "username": "!", "password": secret})
    client.get("/register", {"password": secret}, headers={"Host": "evil.example"})
    post(client, {**IVAN, "username": "other", "password": secret})
    monkeypatch.setattr(credentials, "hashed", lambda password: 1 / 0)
    failed = client.get("/register", {**IVAN, "username": "third", "contact": "3@d.org", "password": secret})
    assert failed.status_code == 500
    assert caplog.records
    assert secret not in caplog.text
    assert not Event.objects.filter(details__icontains=secret).exists()
    assert not User.objects.filter(password__contains=secret).exists()


CLASHES = {
    "one username": lambda n: {"username": "IVAN" if n % 2 else "ivan"},
    "one e-mail": lambda n: {"contact": "One@EXAMPLE.org" if n % 2 else "One@example.org"},
    "one phone": lambda n: {"contact": "+79991234567" if n % 2 else "8 (999) 123-45-67"},
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("clash", CLASHES)
def test_of_many_registrations_at_once_one_wins(clash):
    def register(n):
        form = {"username": f"user{n}", "password": PASSWORD, "contact": f"user{n}@example.org", **CLASHES[clash](n)}
        return answer(Client().get("/register", form))

    code = "UsernameAlreadyRegistered" if clash == "one username" else "ContactAlreadyRegistered"
    losers = [outcome for outcome in race(32, register) if outcome != (200, ANY)]
    assert losers == [refused(409, code)] * 31
    assert User.objects.count() == UsernameClaim.objects.count() == SignIn.objects.count() == 1
