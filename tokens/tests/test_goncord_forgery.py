"""goncord's tokens that nobody gave out, tried on every call that takes one, in the header and in the cookie."""

import itertools
import json
import time
import uuid
from datetime import timedelta

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone

from accounts.clients import Dialect
from accounts.models import Event, Role, User
from accounts.services import credentials
from accounts.tests.factories import HERE, make_application, make_user
from accounts.tests.goncord import Goncord
from profiles.models import ApplicationPayload, Profile
from tokens.formats import TokenType
from tokens.models import SignIn
from tokens.services import keys, ledger, refreshing
from tokens.tests.test_forgery import base64url, sign

HEADER = {"alg": "HS512", "typ": "JWT"}
UNAUTHORIZED = {"error": "The token is missing or no longer works."}
CALLS = [
    ("GET", "/api/v0/tokens/validate", None),
    ("GET", "/v0/tokens/validate", None),
    ("GET", "/api/v0/menu", None),
    ("PATCH", "/api/v0/users", {"first_name": "Чужой", "roles": ["admin"]}),
    ("POST", "/api/v0/roles", {"roles": ["admin"]}),
    ("DELETE", "/api/v0/roles", {"roles": ["admin"]}),
    ("PATCH", "/api/v0/resource/self_update", {"a": 1}),
    ("PATCH", "/api/v0/resource/update", {"https://top.example": {"a": 1}}),
    ("POST", "/api/v0/users/change_password", {"old_password": "password", "new_password": "evil-one"}),
    ("DELETE", "/api/v0/tokens", None),
]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _unlimited(settings):
    settings.ACCOUNTS_RATE_LIMITS = False


@pytest.fixture
def goncord(client):
    goncord = Goncord(client)
    goncord.register()
    goncord.sign_in(login="test", password="password")
    goncord.application = make_application("https://top.example", is_super=True)[1]
    keys.verifying_keys(TokenType.GONCORD)
    return goncord


@pytest.fixture
def row(goncord):
    return SignIn.objects.get()


@pytest.fixture
def key(goncord):
    return keys.signing_key(TokenType.GONCORD)


_tokens = itertools.count()


@pytest.fixture
def refused(goncord):
    """Assert that a token opens nothing, whole body by whole body, and changes nothing.

    Each call takes the token from the header or from the cookie, by turns, and the next token from the other one.
    """

    def everywhere(token):
        before = state()
        goncord.client.cookies.clear()
        application = {"x-app-token": goncord.application, "Origin": "http://testserver"}
        raw = token.encode("utf-8", "surrogatepass").decode("latin-1")
        places = ({"HTTP_AUTHORIZATION": f"Bearer {raw}"}, {"HTTP_COOKIE": f"jwt={raw}"})
        for number, (method, path, body) in enumerate(CALLS, start=next(_tokens)):
            text, place = "" if body is None else json.dumps(body), places[number % 2]
            response = goncord.client.generic(
                method, path, text, content_type="application/json", headers=application, **place
            )
            assert (response.status_code, response.json()) == (401, UNAUTHORIZED), (method, path, place)
        assert state() == before
        return True

    return everywhere


def state():
    models = (User, Role, Profile, ApplicationPayload, SignIn, Event)
    return [list(model.objects.order_by("pk").values()) for model in models]


def claims_of(row, **changes):
    now = int(time.time())
    claims = {
        "aud": f"User:{row.user_id}",
        "exp": now + 600,
        "iat": now,
        "iss": "Goncord",
        "jti": str(row.uuid),
        "pem": {},
        "sub": f"User:{row.user_id}",
        "typ": "token",
    }
    changes = {name: value(now) if callable(value) else value for name, value in changes.items()}
    return {name: value for name, value in {**claims, **changes}.items() if value is not ...}


def test_what_we_sign_by_hand_works_so_that_the_refusals_below_mean_something(goncord, row, key):
    goncord.jwt = sign(HEADER, claims_of(row), key, "sha512")
    assert goncord.validate().status_code == 200
    # The order of the claims and of the header is nobody's promise.
    reordered = dict(reversed(claims_of(row).items()))
    goncord.jwt = sign(dict(reversed(HEADER.items())), reordered, key, "sha512")
    assert goncord.validate().status_code == 200


def test_the_header_is_byte_for_byte_the_printed_one(goncord):
    assert goncord.jwt.startswith("eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.")


@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "NONE", "", None, "HS256", "HS384", "hs512", "RS256", "RS512", 512, ["HS512"]]
)
def test_another_algorithm_is_refused(refused, row, key, alg):
    claims = claims_of(row)
    unsigned = f"{base64url({**HEADER, 'alg': alg})}.{base64url(claims)}"
    assert refused(f"{unsigned}.")
    assert refused(unsigned)
    for function in ("sha256", "sha384", "sha512"):
        assert refused(sign({**HEADER, "alg": alg}, claims, key, function))


@pytest.mark.parametrize("function", ["sha256", "sha384", "md5", "sha1"])
def test_our_header_over_a_weaker_signature_is_refused(refused, row, key, function):
    assert refused(sign(HEADER, claims_of(row), key, function))


def test_asymmetric_signatures_and_a_public_key_as_a_secret_are_refused(refused, row):
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for algorithm in ("RS256", "RS512", "PS512"):
        assert refused(jwt.encode(claims_of(row), private, algorithm=algorithm))
    assert refused(sign(HEADER, claims_of(row), public, "sha512"))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"crit": ["exp"]}, id="crit"),
        pytest.param({"crit": []}, id="crit-empty"),
        pytest.param({"b64": False}, id="b64"),
        pytest.param({"b64": False, "crit": ["b64"]}, id="b64-crit"),
        pytest.param({"kid": "goncord:1"}, id="kid"),
        pytest.param({"kid": "' OR 1=1 --"}, id="kid-of-sql"),
        pytest.param({"kid": "../../dev/null"}, id="kid-of-a-path"),
        pytest.param({"kid": "http://127.0.0.1:9/key"}, id="kid-of-an-address"),
        pytest.param({"kid": "k" * 10_000}, id="kid-of-10-KB"),
        pytest.param({"jku": "http://127.0.0.1:9/keys"}, id="jku"),
        pytest.param({"x5u": "http://127.0.0.1:9/cert"}, id="x5u"),
        pytest.param({"x5c": ["AAAA"]}, id="x5c"),
        pytest.param({"jwk": {"kty": "oct", "k": "AAAA"}}, id="jwk"),
        pytest.param({"typ": "at+jwt"}, id="another-typ"),
        pytest.param({"typ": "jwt"}, id="typ-by-case"),
        pytest.param({"cty": "JWT"}, id="cty"),
        pytest.param({"zip": "DEF"}, id="zip"),
        pytest.param({"": ""}, id="empty-name"),
    ],
)
def test_a_header_that_says_more_than_ours_is_refused_though_well_signed(
    refused, goncord, row, key, header, django_assert_num_queries
):
    token = sign({**HEADER, **header}, claims_of(row), key, "sha512")
    assert refused(token)
    goncord.jwt = token
    # No file, no network, and not even our own database is asked about it.
    with django_assert_num_queries(0):
        assert goncord.validate().status_code == 401


def test_a_header_without_its_type_is_refused(refused, row, key):
    assert refused(sign({"alg": "HS512"}, claims_of(row), key, "sha512"))
    assert refused(sign({"typ": "JWT"}, claims_of(row), key, "sha512"))
    assert refused(sign({}, claims_of(row), key, "sha512"))


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda token: "", id="empty"),
        pytest.param(lambda token: "..", id="dots"),
        pytest.param(lambda token: token.rpartition(".")[0], id="two-parts"),
        pytest.param(lambda token: token.rpartition(".")[0] + ".", id="empty-signature"),
        pytest.param(lambda token: token.split(".")[1], id="one-part"),
        pytest.param(lambda token: token + ".", id="a-dot-too-many"),
        pytest.param(lambda token: "." + token, id="a-dot-before"),
        pytest.param(lambda token: token + ".e30", id="four-parts"),
        pytest.param(lambda token: token + ".e30.e30", id="five-parts"),
        pytest.param(lambda token: token.replace(".", "..", 1), id="two-dots"),
        pytest.param(lambda token: token[:-1], id="a-character-too-few"),
        pytest.param(lambda token: token[:-2], id="two-characters-too-few"),
        pytest.param(lambda token: token + "A", id="a-character-too-many"),
        pytest.param(lambda token: token + "==", id="padding"),
        pytest.param(lambda token: token.replace("-", "+").replace("_", "/") + "/+", id="plain-base64"),
        pytest.param(lambda token: token.swapcase(), id="swapped-case"),
        pytest.param(lambda token: token + "A" * 10_000, id="10-KB"),
        pytest.param(lambda token: "\u044f" + token, id="Cyrillic"),
        pytest.param(lambda token: json.dumps({"jwt": token}), id="in-JSON"),
        pytest.param(
            lambda token: json.dumps(dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))),
            id="JSON-serialisation",
        ),
        pytest.param(lambda token: f"{base64url(b'{')}.{token.partition('.')[2]}", id="header-no-JSON"),
        pytest.param(lambda token: f"{base64url(b'[' * 2_000)}.{token.partition('.')[2]}", id="deep-header"),
    ],
)
def test_a_bent_token_is_refused(refused, goncord, bend):
    assert refused(bend(goncord.jwt))


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b'"x"', b"5", b"[" * 2_000, b'{"exp": NaN}', b"\xff"])
def test_claims_that_are_no_object_are_refused_though_well_signed(refused, key, payload):
    assert refused(sign(HEADER, payload, key, "sha512"))


def test_every_changed_character_of_the_signature_is_refused(goncord, row, key):
    """Also the last one, four bits of which a sloppy decoder drops."""
    token = goncord.jwt
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in alphabet.replace(token[-1], ""):
        goncord.jwt = token[:-1] + letter
        assert goncord.validate().status_code == 401, letter
    for place in range(0, len(token) - 1, 7):
        goncord.jwt = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert goncord.validate().status_code == 401, place


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": ...}, id="no-exp"),
        pytest.param({"exp": lambda now: now - 1}, id="exp-a-second-ago"),
        pytest.param({"exp": lambda now: str(now + 600)}, id="exp-as-text"),
        pytest.param({"exp": lambda now: now + 600.5}, id="exp-with-a-fraction"),
        pytest.param({"exp": lambda now: [now + 600]}, id="exp-as-a-list"),
        pytest.param({"exp": {}}, id="exp-as-an-object"),
        pytest.param({"exp": True}, id="exp-true"),
        pytest.param({"exp": None}, id="exp-null"),
        pytest.param({"exp": 10**18}, id="exp-beyond-any-date"),
        pytest.param({"exp": 10**400}, id="exp-of-400-digits"),
        pytest.param({"exp": -1}, id="exp-negative"),
        pytest.param({"exp": float("inf")}, id="exp-infinite"),
        pytest.param({"iat": lambda now: now + 120}, id="iat-two-minutes-ahead"),
        pytest.param({"iat": "0"}, id="iat-as-text"),
        pytest.param({"iat": 10**18}, id="iat-beyond-any-date"),
        pytest.param({"nbf": lambda now: now + 120}, id="nbf-two-minutes-ahead"),
        pytest.param({"nbf": [0]}, id="nbf-as-a-list"),
        pytest.param({"iss": ...}, id="no-iss"),
        pytest.param({"iss": "goncord"}, id="iss-by-case"),
        pytest.param({"iss": ["Goncord"]}, id="iss-as-a-list"),
        pytest.param({"typ": ...}, id="no-typ"),
        pytest.param({"typ": "access"}, id="another-typ"),
        pytest.param({"aud": ...}, id="no-aud"),
        pytest.param({"aud": "User:0"}, id="another-aud"),
        pytest.param({"aud": ["User:1"]}, id="aud-as-a-list"),
        pytest.param({"sub": ...}, id="no-sub"),
        pytest.param({"sub": "1", "aud": "1"}, id="sub-a-bare-id"),
        pytest.param({"sub": 1, "aud": 1}, id="sub-a-number"),
        pytest.param({"sub": "User:", "aud": "User:"}, id="sub-empty"),
        pytest.param({"sub": "User:-1", "aud": "User:-1"}, id="sub-negative"),
        pytest.param({"sub": "User:" + "9" * 19, "aud": "User:" + "9" * 19}, id="sub-beyond-any-id"),
        pytest.param({"sub": "User:" + "9" * 400, "aud": "User:" + "9" * 400}, id="sub-of-400-digits"),
        pytest.param({"sub": "Application:1", "aud": "Application:1"}, id="sub-of-another-kind"),
        pytest.param({"sub": None, "aud": None}, id="sub-null"),
        pytest.param({"sub": ["User:1"], "aud": ["User:1"]}, id="sub-a-list"),
        pytest.param({"jti": ...}, id="no-row"),
        pytest.param({"jti": None}, id="row-null"),
        pytest.param({"jti": 1}, id="row-by-number"),
        pytest.param({"jti": ["a"]}, id="row-a-list"),
        pytest.param({"jti": "' OR 1=1 --"}, id="row-of-sql"),
        pytest.param({"jti": str(uuid.UUID(int=0))}, id="row-unknown"),
    ],
)
def test_well_signed_claims_that_are_not_ours_are_refused(refused, row, key, changes):
    assert refused(sign(HEADER, claims_of(row, **changes), key, "sha512"))


def test_the_row_is_named_in_its_one_spelling(refused, row, key):
    for spelling in (f"{{{row.uuid}}}", f"urn:uuid:{row.uuid}", row.uuid.hex, str(row.uuid).upper()):
        assert refused(sign(HEADER, claims_of(row, jti=spelling), key, "sha512"))
    for user in (f"User:0{row.user_id}", f"User: {row.user_id}", f"User:+{row.user_id}", f"user:{row.user_id}"):
        assert refused(sign(HEADER, claims_of(row, sub=user, aud=user), key, "sha512"))


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_clock_half_a_minute_ahead_is_forgiven(goncord, row, key, name):
    goncord.jwt = sign(HEADER, claims_of(row, **{name: lambda now: now + 30}), key, "sha512")
    assert goncord.validate().status_code == 200


def test_another_account_is_not_reached_by_a_row_that_is_not_its_own(refused, row, key):
    other = make_user("other", email="other@x.ru")
    named = f"User:{other.pk}"
    assert refused(sign(HEADER, claims_of(row, sub=named, aud=named), key, "sha512"))


def test_a_row_of_another_dialect_is_refused_though_well_signed(refused, row, key):
    for dialect in (Dialect.GIGACHAT, Dialect.CABINET, Dialect.REGISTRATION):
        other = ledger.write(row.user, dialect=dialect, client=HERE)
        assert refused(sign(HEADER, claims_of(other), key, "sha512"))


def test_the_keys_and_tokens_of_other_dialects_open_nothing(refused, row, settings):
    pair = refreshing.open_pair(row.user, client=HERE)
    for token in (pair.access, pair.refresh):
        assert refused(token)
    for dialect in (Dialect.GIGACHAT, Dialect.CABINET):
        assert refused(ledger.open_sign_in(row.user, dialect=dialect, client=HERE).secret)
    others = [keys.signing_key(TokenType.REGISTRATION_ACCESS), keys.signing_key(TokenType.REGISTRATION_REFRESH)]
    for key in (*others, settings.SECRET_KEY.encode(), b"", b"secret", b"\x00" * 64):
        assert refused(sign(HEADER, claims_of(row), key, "sha512"))


def test_a_token_that_is_over_opens_nothing(refused, goncord, row):
    jwt_before = goncord.jwt
    with time_machine.travel(timezone.now() + timedelta(days=14, seconds=1), tick=False):
        assert refused(jwt_before)
    SignIn.objects.filter(pk=row.pk).update(expires=timezone.now())
    assert refused(jwt_before)
    SignIn.objects.filter(pk=row.pk).update(expires=row.expires, revoked=timezone.now())
    assert refused(jwt_before)
    SignIn.objects.filter(pk=row.pk).update(revoked=None)
    assert goncord.validate().status_code == 200
    User.objects.update(is_active=False)
    assert refused(jwt_before)
    User.objects.update(is_active=True)
    credentials.replace_password(User.objects.get(), "another password")
    assert refused(jwt_before)
    User.objects.get().delete()
    assert refused(jwt_before)


def test_a_retired_key_opens_nothing(refused, goncord):
    old = goncord.jwt
    keys.rotate(TokenType.GONCORD, retire_now=True)
    assert refused(old)
    goncord.sign_in(login="test", password="password")
    assert goncord.validate().status_code == 200


def test_a_rotation_refuses_no_valid_token(goncord):
    started = timezone.now()
    with time_machine.travel(started, tick=False) as clock:
        goncord.sign_in(login="test", password="password")
        tokens = [goncord.jwt]
        keys.rotate(TokenType.GONCORD)
        for seconds in (0, 5, 9, 10, 11, 60):
            clock.move_to(started + timedelta(seconds=seconds))
            keys.forget()
            goncord.sign_in(login="test", password="password")
            tokens.append(goncord.jwt)
        keys.rotate(TokenType.GONCORD)
        clock.move_to(started + timedelta(days=13))
        assert [validates(goncord, token) for token in tokens] == [200] * len(tokens)
        # The newest key signs what comes after; those before it end with what they signed.
        clock.move_to(started + timedelta(days=14, seconds=12))
        assert [validates(goncord, token) for token in tokens][:4] == [401] * 4
        assert len(keys.verifying_keys(TokenType.GONCORD)) == 2


def validates(goncord, token):
    goncord.jwt = token
    return goncord.validate().status_code


def test_the_token_fits_in_a_cookie_and_says_nothing_of_the_person(goncord, row):
    names = [f"role-{number}-{'x' * 100}" for number in range(50)]
    apps = {}
    for number in range(20):
        application, _ = make_application(f"https://site{number}.example", role_names=names)
        apps[application.url] = {"secret": "x" * 10_000}
    assert goncord.changed(roles=names, apps=apps).status_code == 200
    answer = goncord.sign_in(login="test", password="password")
    token = answer.json()["jwt"]
    assert len(token) <= 2_048
    assert len(answer.json()["user"]["roles"]) == 50
    claims = jwt.decode(token, options={"verify_signature": False})
    assert sorted(claims) == ["aud", "exp", "iat", "iss", "jti", "pem", "sub", "typ"]
    for secret in ("test", "gmail", "argon2", "role", row.user.credentials_stamp):
        assert secret not in json.dumps(claims)
