"""goncord: changing the password, which ends every other sign-in of the account in every dialect."""

import pytest

from accounts.clients import Dialect
from accounts.errors import TokenNotWorking, WrongCurrentPassword
from accounts.models import Event, User
from accounts.services import credentials
from accounts.tests.factories import HERE, make_user
from accounts.tests.goncord import DMITRY_SHOWN, Goncord
from tokens.formats import TokenType
from tokens.models import SignIn
from tokens.services import ledger, refreshing, resolving

pytestmark = pytest.mark.django_db

CHANGE = "/api/v0/users/change_password"


@pytest.fixture
def goncord(client):
    goncord = Goncord(client)
    goncord.register()
    goncord.sign_in(login="test", password="password")
    return goncord


@pytest.mark.parametrize("path", [CHANGE, f"{CHANGE}/"])
def test_the_sign_in_that_made_the_change_survives_alone(goncord, path):
    user = User.objects.get()
    others = {
        TokenType.CABINET: ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE).secret,
        TokenType.GIGACHAT: ledger.open_sign_in(user, dialect=Dialect.GIGACHAT, client=HERE).secret,
        TokenType.GONCORD: ledger.open_sign_in(user, dialect=Dialect.GONCORD, client=HERE).secret,
    }
    pair = refreshing.open_pair(user, client=HERE)
    others |= {TokenType.REGISTRATION_ACCESS: pair.access, TokenType.REGISTRATION_REFRESH: pair.refresh}
    bystander = make_user("other", email="other@x.ru")
    untouched = ledger.open_sign_in(bystander, dialect=Dialect.GONCORD, client=HERE).secret
    for token_type, token in others.items():
        assert resolving.resolve(token, token_type).user == user

    response = goncord.call("POST", path, {"old_password": "password", "new_password": "другой пароль"})
    assert (response.status_code, response.content) == (200, b"")
    assert not response.cookies

    assert goncord.validate().json() == DMITRY_SHOWN
    for token_type, token in others.items():
        with pytest.raises(TokenNotWorking):
            resolving.resolve(token, token_type)
    assert resolving.resolve(untouched, TokenType.GONCORD).user == bystander
    assert goncord.sign_in(login="test", password="password").status_code == 401
    assert goncord.sign_in(login="test", password="другой пароль").status_code == 201
    changed = Event.objects.get(kind=Event.Kind.PASSWORD_CHANGED)
    assert (changed.user, changed.dialect, changed.succeeded) == (user, "goncord", True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"new_password": "new-password"}, "old_password", id="old-absent"),
        pytest.param({"old_password": "", "new_password": "new-password"}, "old_password", id="old-empty"),
        pytest.param({"old_password": "wrong", "new_password": "new-password"}, "old_password", id="old-wrong"),
        pytest.param({"old_password": "x" * 257, "new_password": "new-password"}, "old_password", id="old-long"),
        pytest.param({"old_password": "a\x00", "new_password": "new-password"}, "old_password", id="old-nul"),
        pytest.param({"old_password": ["password"], "new_password": "new-password"}, "old_password", id="old-a-list"),
        pytest.param({"old_password": "password"}, "new_password", id="new-absent"),
        pytest.param({"old_password": "password", "new_password": "12345"}, "new_password", id="new-short"),
        pytest.param({"old_password": "password", "new_password": "x" * 257}, "new_password", id="new-long"),
        pytest.param({"old_password": "password", "new_password": "abcdef\x00"}, "new_password", id="new-nul"),
        pytest.param({"old_password": "password", "new_password": 123456}, "new_password", id="new-a-number"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_nothing_changes(goncord, body, field):
    before = list(User.objects.values()), list(SignIn.objects.values())
    response = goncord.call("POST", CHANGE, body)
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [field]
    assert (list(User.objects.values()), list(SignIn.objects.values())) == before
    assert goncord.validate().status_code == 200


def test_the_strict_policy_speaks_about_the_new_password(goncord, settings):
    settings.ACCOUNTS_PASSWORD_POLICY = "strict"
    response = goncord.call("POST", CHANGE, {"old_password": "password", "new_password": "password1"})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == ["new_password"]
    assert goncord.sign_in(login="test", password="password").status_code == 201


@pytest.mark.parametrize("jwt", ["", "nonsense"])
def test_it_needs_a_token(goncord, jwt):
    goncord.jwt = jwt
    response = goncord.call("POST", CHANGE, {"old_password": "password", "new_password": "new-password"})
    assert response.status_code == 401
    assert goncord.sign_in(login="test", password="password").status_code == 201


def test_the_first_password_needs_no_old_one(goncord):
    user = make_user("provided", email="p@x.ru", password=None)
    goncord.jwt = ledger.open_sign_in(user, dialect=Dialect.GONCORD, client=HERE).secret
    assert goncord.call("POST", CHANGE, {"new_password": "first-one"}).status_code == 200
    assert goncord.validate().status_code == 200
    assert goncord.call("POST", CHANGE, {"new_password": "second-one"}).status_code == 422
    assert goncord.sign_in(login="provided", password="first-one").status_code == 201


def test_of_two_changes_that_start_from_one_password_one_wins(goncord):
    first, second = User.objects.get(), User.objects.get()
    encoded = credentials.changed_password(second, "password", "loser-1", dialect=Dialect.GONCORD, client=HERE)
    credentials.change_password(first, "password", "winner-1", dialect=Dialect.GONCORD, client=HERE)
    with pytest.raises(WrongCurrentPassword):
        credentials.store_password(second, encoded)
    assert goncord.sign_in(login="test", password="winner-1").status_code == 201
