"""Tokens nobody gave out: forged, bent, borrowed from another dialect. Nothing opens to one of them.

Each is tried on every call that takes the token it imitates.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from rest_framework.request import Request

from accounts.errors import TokenNotWorking
from accounts.tests.factories import HERE, make_user
from tokens.authentication import RegistrationAccessToken
from tokens.formats import TokenType
from tokens.models import SignIn
from tokens.services import keys, ledger, refreshing

ACCESS, REFRESH = TokenType.REGISTRATION_ACCESS, TokenType.REGISTRATION_REFRESH
HEADER = {"alg": "HS256", "typ": "JWT"}
MODES = {ACCESS: "access_token", REFRESH: "refresh_token"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user("ivan", email="ivan@example.org")


@pytest.fixture
def pair(user):
    return refreshing.open_pair(user, client=HERE)


@pytest.fixture(params=[ACCESS, REFRESH])
def token_type(request):
    return request.param


@pytest.fixture
def opens(client, rf, token_type):
    """Whether a token opens anything that one of `token_type` opens."""

    def ask(token):
        name = "access" if token_type == ACCESS else "refresh"
        answer = client.get(f"/validate/jwt/{name}", {name: token})
        assert answer.status_code == 200
        if token_type == REFRESH:
            return answer.json() is not False
        return {answer.json(), _authenticated(rf, token)} != {False}

    return ask


def _authenticated(rf, token):
    try:
        request = rf.get("/")
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        RegistrationAccessToken().authenticate(Request(request))
    except TokenNotWorking:
        return False
    return True


def base64url(value):
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def sign(header, claims, key, function="sha256"):
    """A compact JWS made by hand, so that it may hold what no library would write."""
    signed = f"{base64url(header)}.{base64url(claims)}"
    return f"{signed}.{base64url(hmac.new(key, signed.encode(), function).digest())}"


def claims_of(token_type, sign_in, **changes):
    claims = {
        "user_name": "ivan@example.org",
        "header": {**HEADER, "uuid": str(uuid.uuid4())},
        "exp": int(time.time()) + 600,
        "mode": MODES[token_type],
        "sid": str(sign_in.uuid),
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def test_what_we_sign_by_hand_works_so_that_the_refusals_below_mean_something(opens, pair, token_type):
    assert opens(sign(HEADER, claims_of(token_type, pair.sign_in), keys.signing_key(token_type)))
    assert opens(pair.access if token_type == ACCESS else pair.refresh)


@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "NONE", "", None, "HS1", "HS384", "HS512", "RS256", 256, ["HS256"]]
)
def test_another_algorithm_is_refused(opens, pair, token_type, alg):
    claims, key = claims_of(token_type, pair.sign_in), keys.signing_key(token_type)
    unsigned = f"{base64url({**HEADER, 'alg': alg})}.{base64url(claims)}"
    assert not opens(f"{unsigned}.")
    assert not opens(unsigned)
    for function in ("sha256", "sha384", "sha512"):
        assert not opens(sign({**HEADER, "alg": alg}, claims, key, function))


def test_rs256_and_its_public_key_as_an_hmac_secret_are_refused(opens, pair, token_type):
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = claims_of(token_type, pair.sign_in)
    assert not opens(jwt.encode(claims, private, algorithm="RS256"))
    assert not opens(sign(HEADER, claims, public))


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({"crit": ["exp"]}, id="crit"),
        pytest.param({"b64": False, "crit": ["b64"]}, id="b64"),
        pytest.param({"kid": "' OR 1=1 --"}, id="kid of SQL"),
        pytest.param({"kid": "../../dev/null"}, id="kid of a path"),
        pytest.param({"kid": "http://127.0.0.1:9/key"}, id="kid of an address"),
        pytest.param({"kid": "k" * 2_000}, id="kid of 2 KB"),
        pytest.param({"kid": "registration-access:1"}, id="kid"),
        pytest.param({"jku": "http://127.0.0.1:9/keys"}, id="jku"),
        pytest.param({"x5u": "http://127.0.0.1:9/cert"}, id="x5u"),
        pytest.param({"jwk": {"kty": "oct", "k": "AAAA"}}, id="jwk"),
        pytest.param({"typ": "at+jwt"}, id="another typ"),
        pytest.param({"zip": "DEF"}, id="zip"),
    ],
)
def test_a_header_that_says_more_than_ours_is_refused_though_well_signed(
    opens, pair, token_type, extra, django_assert_num_queries
):
    key = keys.signing_key(token_type)
    token = sign({**HEADER, **extra}, claims_of(token_type, pair.sign_in), key)
    keys.verifying_keys(token_type)
    with django_assert_num_queries(0):
        assert not opens(token)


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda token: token.rpartition(".")[0], id="two parts"),
        pytest.param(lambda token: token.rpartition(".")[0] + ".", id="empty signature"),
        pytest.param(lambda token: token + ".", id="a dot too many"),
        pytest.param(lambda token: token + ".e30", id="four parts"),
        pytest.param(lambda token: token + ".e30.e30", id="five parts"),
        pytest.param(lambda token: "." + token, id="a dot before"),
        pytest.param(lambda token: token[:-43], id="no signature"),
        pytest.param(lambda token: token + "=", id="padding"),
        pytest.param(lambda token: token.replace(".", "\n."), id="line breaks"),
        pytest.param(lambda token: " " + token + " x", id="text around"),
        pytest.param(lambda token: token.replace(".", "..", 1), id="two dots"),
        pytest.param(lambda token: token.swapcase(), id="swapped case"),
        pytest.param(lambda token: token + "A" * 5000, id="too long"),
        pytest.param(lambda token: "п" + token, id="a Cyrillic letter"),
        pytest.param(lambda token: "\x00" + token, id="nul"),
        pytest.param(lambda token: json.dumps({"token": token}), id="JSON around"),
        pytest.param(
            lambda token: json.dumps(dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))),
            id="JSON serialisation",
        ),
        pytest.param(
            lambda token: f"{base64url(HEADER)}.{base64url([1])}.{token.split('.')[2]}", id="claims no object"
        ),
        pytest.param(
            lambda token: f"{base64url(b'{')}.{token.split('.')[1]}.{token.split('.')[2]}", id="header no JSON"
        ),
        pytest.param(
            lambda token: f"{base64url(b'[' * 3000)}.{token.split('.')[1]}.{token.split('.')[2]}", id="nested header"
        ),
        pytest.param(lambda token: "..", id="nothing but dots"),
    ],
)
def test_a_bent_token_is_refused(opens, pair, token_type, bend):
    token = sign(HEADER, claims_of(token_type, pair.sign_in), keys.signing_key(token_type))
    assert not opens(bend(token))


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_changed_character_of_any_part_is_refused(opens, pair, token_type, position):
    token = sign(HEADER, claims_of(token_type, pair.sign_in), keys.signing_key(token_type))
    parts = token.split(".")
    for place in (0, len(parts[position]) // 2):
        bent = list(parts)
        letter = "A" if parts[position][place] != "A" else "B"
        bent[position] = parts[position][:place] + letter + parts[position][place + 1 :]
        assert not opens(".".join(bent))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": ...}, id="no exp"),
        pytest.param({"exp": int(time.time()) - 1}, id="exp a second ago"),
        pytest.param({"exp": "9999999999"}, id="exp as text"),
        pytest.param({"exp": 9999999999.5}, id="exp with a fraction"),
        pytest.param({"exp": [9999999999]}, id="exp as a list"),
        pytest.param({"exp": True}, id="exp as a boolean"),
        pytest.param({"exp": None}, id="exp null"),
        pytest.param({"exp": 10**18}, id="exp beyond any date"),
        pytest.param({"exp": 10**400}, id="exp of 400 digits"),
        pytest.param({"exp": -(10**18)}, id="exp before any date"),
        pytest.param({"exp": float("inf")}, id="exp infinite"),
        pytest.param({"iat": lambda: int(time.time()) + 120}, id="iat two minutes ahead"),
        pytest.param({"nbf": lambda: int(time.time()) + 120}, id="nbf two minutes ahead"),
        pytest.param({"nbf": "0"}, id="nbf as text"),
        pytest.param({"mode": ...}, id="no mode"),
        pytest.param({"mode": "id_token"}, id="another mode"),
        pytest.param({"mode": ["access_token", "refresh_token"]}, id="both modes"),
        pytest.param({"sid": ...}, id="no row"),
        pytest.param({"sid": None}, id="row null"),
        pytest.param({"sid": 1}, id="row by number"),
        pytest.param({"sid": str(uuid.uuid4())}, id="unknown row"),
        pytest.param({"sid": "' OR 1=1 --"}, id="row of SQL"),
        pytest.param({"sid": ["a"]}, id="row as a list"),
    ],
)
def test_well_signed_claims_that_are_not_ours_are_refused(opens, pair, token_type, changes):
    # Minutes may pass between the collection of the tests and this one.
    changes = {name: value() if callable(value) else value for name, value in changes.items()}
    assert not opens(sign(HEADER, claims_of(token_type, pair.sign_in, **changes), keys.signing_key(token_type)))


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_clock_half_a_minute_ahead_is_forgiven(opens, pair, token_type, name):
    claims = claims_of(token_type, pair.sign_in, **{name: int(time.time()) + 30})
    assert opens(sign(HEADER, claims, keys.signing_key(token_type)))


def test_the_other_type_is_refused_also_when_it_lies_about_its_mode(opens, pair, token_type):
    other = REFRESH if token_type == ACCESS else ACCESS
    assert not opens(pair.refresh if token_type == ACCESS else pair.access)
    assert not opens(sign(HEADER, claims_of(token_type, pair.sign_in), keys.signing_key(other)))
    assert not opens(sign(HEADER, claims_of(other, pair.sign_in), keys.signing_key(token_type)))


def test_a_row_of_another_dialect_is_refused_though_the_token_is_well_signed(opens, user, token_type):
    for dialect in ("gigachat", "goncord", "cabinet"):
        row = ledger.open_sign_in(user, dialect=dialect, client=HERE).sign_in
        assert not opens(sign(HEADER, claims_of(token_type, row), keys.signing_key(token_type)))


def test_a_token_of_another_dialect_is_refused(opens, user):
    for dialect in ("gigachat", "goncord", "cabinet"):
        assert not opens(ledger.open_sign_in(user, dialect=dialect, client=HERE).secret)


def test_a_row_of_somebody_else_is_reached_by_no_guess(opens, pair, token_type):
    """The row's name is no secret: without the key it opens nothing."""
    for key in (b"", b"secret", b"\x00" * 64, hashlib.sha512(pair.sign_in.uuid.bytes).digest()):
        assert not opens(sign(HEADER, claims_of(token_type, pair.sign_in), key))


def test_every_type_of_token_has_a_key_of_its_own_of_64_bytes(settings):
    secrets = [keys.signing_key(token_type) for token_type in keys.ALGORITHMS]
    assert len(set(secrets)) == len(secrets) == 3
    assert {len(secret) for secret in secrets} == {64}
    assert settings.SECRET_KEY.encode() not in secrets


def test_refusals_write_nothing(opens, pair, token_type):
    before = list(SignIn.objects.values_list())
    assert not opens("rubbish")
    assert not opens(sign(HEADER, claims_of(token_type, pair.sign_in), b"wrong"))
    assert list(SignIn.objects.values_list()) == before
