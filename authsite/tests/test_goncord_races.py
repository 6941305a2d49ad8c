"""goncord under many calls at once: what the database decides, and that nothing of it is a 500."""

import json

import pytest
from django.test import Client

from accounts.errors import Conflict
from accounts.models import Application, Event, Role, User
from accounts.services import applications
from accounts.tests.factories import make_application
from accounts.tests.goncord import Goncord
from authsite.tests.races import race
from profiles.models import ApplicationPayload
from tokens.models import SignIn

pytestmark = pytest.mark.django_db(transaction=True)

N = 8
SELF = "/api/v0/resource/self_update"
ROLES = "/api/v0/roles"


@pytest.fixture(autouse=True)
def _unlimited(settings):
    settings.ACCOUNTS_RATE_LIMITS = False


@pytest.fixture
def jwt():
    goncord = Goncord(Client())
    goncord.register()
    goncord.sign_in(login="test", password="password")
    return goncord.jwt


@pytest.fixture
def top():
    return make_application("https://top.example", is_super=True)[1]


def statuses(calls):
    """The statuses of `calls` (client, method, path, body) made at once."""

    def call(number):
        jwt, application, method, path, body = calls[number]
        return Goncord(Client(), jwt, application).call(method, path, body).status_code

    return race(len(calls), call)


def shown(jwt):
    return Goncord(Client(), jwt).validate().json()


def test_updates_of_different_applications_all_survive(jwt):
    sites = [make_application(f"https://site{number}.example") for number in range(N)]
    assert statuses([(jwt, token, "PATCH", SELF, {"n": n}) for n, (_, token) in enumerate(sites)]) == [200] * N
    assert shown(jwt)["apps"] == {application.url: {"n": n} for n, (application, _) in enumerate(sites)}


def test_of_updates_of_one_application_one_is_whole(jwt):
    application, token = make_application()
    payloads = [{"n": n, str(n): "x" * 100} for n in range(N)]
    assert statuses([(jwt, token, "PATCH", SELF, payload) for payload in payloads]) == [200] * N
    assert ApplicationPayload.objects.get().payload in payloads
    assert shown(jwt)["apps"] == {application.url: ApplicationPayload.objects.get().payload}


def test_roles_that_are_missing_are_made_once(jwt, top):
    asked = [["a", "b", "c", "d"], ["d", "c", "b", "a"]] * (N // 2)
    assert statuses([(jwt, top, "POST", ROLES, {"roles": names}) for names in asked]) == [200] * N
    assert shown(jwt)["roles"] == [{"name": name} for name in "abcd"]
    assert Role.objects.count() == 4


def test_roles_of_many_users_are_made_once_and_in_no_ring(top):
    jwts = []
    for number in range(N):
        goncord = Goncord(Client())
        goncord.register(login=f"user{number}", email=f"u{number}@x.ru")
        goncord.sign_in(login=f"user{number}", password="password")
        jwts.append(goncord.jwt)
    names = list("abcdefgh")
    calls = [(jwt, top, "POST", ROLES, {"roles": names[n:] + names[:n]}) for n, jwt in enumerate(jwts)]
    assert statuses(calls) == [200] * N
    assert Role.objects.count() == len(names)
    assert all(shown(jwt)["roles"] == [{"name": name} for name in names] for jwt in jwts)


def test_of_replacements_of_roles_one_is_whole(jwt, top):
    calls = [(jwt, top, "PATCH", "/api/v0/users", {"roles": [f"{n}-one", f"{n}-two"]}) for n in range(N)]
    assert statuses(calls) == [200] * N
    held = [role["name"] for role in shown(jwt)["roles"]]
    assert held in [[f"{n}-one", f"{n}-two"] for n in range(N)]


def test_changes_of_every_kind_at_once_are_all_kept(jwt, top):
    site, token = make_application()
    calls = [
        (jwt, top, "PATCH", "/api/v0/users", {"first_name": "Пётр", "apps": {"https://top.example": {"a": 1}}}),
        (jwt, top, "PATCH", "/api/v0/users", {"last_name": "Великий"}),
        (jwt, top, "POST", ROLES, {"roles": ["tsar"]}),
        (jwt, token, "PATCH", SELF, {"b": 2}),
    ]
    assert statuses(calls) == [200] * 4
    after = shown(jwt)
    assert (after["first_name"], after["last_name"], after["roles"]) == ("Пётр", "Великий", [{"name": "tsar"}])
    assert after["apps"] == {"https://top.example": {"a": 1}, site.url: {"b": 2}}


def test_of_many_sign_outs_one_ends_the_sign_in(jwt):
    answers = statuses([(jwt, None, "DELETE", "/api/v0/tokens", None)] * N)
    assert sorted(answers) == [204] + [401] * (N - 1)
    assert Event.objects.filter(kind=Event.Kind.SIGN_IN_ENDED).count() == 1


def test_of_many_changes_of_the_password_one_wins(jwt):
    form = {"old_password": "password"}
    path = "/api/v0/users/change_password"
    answers = statuses([(jwt, None, "POST", path, {**form, "new_password": f"password-{n}"}) for n in range(N)])
    assert answers.count(200) == 1
    assert set(answers) <= {200, 401, 422}
    assert Goncord(Client(), jwt).validate().status_code == 200
    winner = answers.index(200)
    signed_in = Goncord(Client()).sign_in(login="test", password=f"password-{winner}")
    assert signed_in.status_code == 201
    assert SignIn.objects.count() == 2


def test_of_many_registrations_one_wins():
    def register(number):
        return Goncord(Client()).register(email=f"u{number}@x.ru", first_name=str(number)).status_code

    answers = race(N, register)
    assert sorted(answers) == [201] + [422] * (N - 1)
    assert User.objects.count() == 1


def test_use_is_recorded_once_however_many_use_it_at_once(jwt):
    _, token = make_application()
    assert statuses([(jwt, token, "PATCH", SELF, {"n": n}) for n in range(N)]) == [200] * N
    assert Event.objects.filter(kind=Event.Kind.APPLICATION_USED).count() == 1


def test_of_many_applications_at_one_address_one_is_made():
    outcomes = race(N, lambda _: make_application("https://site.example", role_names=["a", "b"]))
    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
    assert all(isinstance(outcome, tuple | Conflict) for outcome in outcomes)
    assert Application.objects.count() == 1


def test_a_token_that_was_shown_is_good_however_many_rotate_at_once(jwt):
    application, _ = make_application()

    def rotate(_):
        return applications.rotate_token(Application.objects.get(pk=application.pk), actor="test")

    outcomes = race(N, rotate)
    shown_tokens = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert shown_tokens
    assert all(isinstance(outcome, str | Conflict) for outcome in outcomes)
    changes = Event.objects.filter(details__change="token rotated").count()
    assert changes == len(shown_tokens)
    works = [
        Goncord(Client(), jwt, token).call("PATCH", SELF, json.dumps({})).status_code == 200 for token in shown_tokens
    ]
    assert sum(works) == min(2, len(shown_tokens))
