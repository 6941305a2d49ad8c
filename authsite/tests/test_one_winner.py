"""Registrations at the same moment: exactly one wins, the others are told "already registered", at every door."""

import pytest
from django.test import Client

from accounts.clients import Dialect
from accounts.models import User, UsernameClaim
from authsite.tests.doors import REGISTRATIONS
from authsite.tests.races import race
from tokens.models import SignIn, SigningKey

CALLERS = 32
# "Already registered" in each dialect: the status, and what the body says besides words.
TAKEN = {
    Dialect.GIGACHAT: (409, {"status": "Refused", "reason": "BadRequest"}),
    Dialect.GONCORD: (422, {}),
    Dialect.REGISTRATION: (409, {}),
    Dialect.CABINET: (400, {}),
}
# The arguments in which every door takes the identifier of a kind, and the spellings of one such identifier.
NAMES = {
    "username": ("username", "login"),
    "email": ("email", "contact"),
    "phone": ("phone_number", "contact"),
}
SPELLINGS = {
    "username": ["racer_one"],
    "email": ["racer@example.org", "Racer@Example.org", "RACER@EXAMPLE.ORG"],
    "phone": ["+79991112233", "8 (999) 111-22-33", "9991112233", "+7 999 111 22 33"],
}
# Where a login may have capitals, they are no other login.
FREE_CASE = ["racer_one", "Racer_One", "RACER_ONE", "racer_ONE"]

pytestmark = pytest.mark.django_db(transaction=True)


def entries(kind):
    """Every (door, argument) by which an identifier of `kind` can be registered; a door that fixes the kind is one."""
    return [
        (door, name)
        for door in REGISTRATIONS
        for name in NAMES[kind]
        if name in door.form and (name != "contact" or kind in ("email", "phone"))
    ]


@pytest.mark.parametrize("kind", ["username", "email", "phone"])
def test_of_many_that_want_one_identifier_at_many_doors_one_wins(kind, settings):
    settings.ACCOUNTS_RATE_LIMITS = False
    doors = entries(kind)

    def register(number):
        door, name = doors[number % len(doors)]
        spellings = FREE_CASE if kind == "username" and door.dialect != Dialect.CABINET else SPELLINGS[kind]
        # Only the one identifier is contended for; whatever else the door asks for is the caller's own.
        own = {"username": f"own_{number}", "login": f"own_{number}"}
        own |= {"email": f"own{number}@example.org", "contact": f"own{number}@example.org"}
        own |= {"phone_number": f"+7999000{number:04}"}
        changes = {field: own[field] for field in own if field in door.form}
        changes[name] = spellings[number % len(spellings)]
        return door, door(Client(), **changes)

    outcomes = race(CALLERS, register)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    won = [door for door, response in outcomes if response.status_code in (200, 201)]
    assert len(won) == 1, [(str(door), response.status_code, response.content) for door, response in outcomes]
    for door, response in outcomes:
        if response.status_code not in (200, 201):
            status, told = TAKEN[door.dialect]
            body = response.json()
            assert response.status_code == status, (str(door), response.content)
            assert told.items() <= body.items()
            assert "registered" in str(body).lower()
    assert User.objects.count() == 1
    assert UsernameClaim.objects.count() == 1
    assert SignIn.objects.count() == (0 if won[0].dialect == Dialect.GONCORD else 1)


def test_the_first_keys_are_made_once_by_many_callers(settings):
    """Tokens signed while the first key was being made all verify: no caller keeps a key that lost the race."""
    settings.ACCOUNTS_RATE_LIMITS = False
    form = {"hash_password": "123456"}

    def register(number):
        changes = {"phone_number": f"+7999000{number:04}", "email": f"own{number}@example.org"}
        return Client().post("/authorization/registration", {**form, **changes}).json()

    pairs = race(8, register)
    assert SigningKey.objects.count() == 2
    client = Client()
    for pair in pairs:
        assert client.get("/validate/jwt/access", {"access": pair["access"]}).json() is True
        assert client.get("/validate/jwt/refresh", {"refresh": pair["refresh"]}).json() is not False
