"""What happens at once: the database lets one through (security.md S42, S44, R4)."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from authsite.tests.races import race
from oauth_providers.fake import Person
from oauth_providers.models import LinkedIdentity
from oauth_providers.tests import flows
from oauth_providers.tests.flows import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)
RACERS = 8


@pytest.fixture(autouse=True)
def _with_providers(fake, settings):
    """Every racer may speak with the provider."""
    settings.OAUTH_PROVIDERS_CALLS_AT_ONCE = 100


def at_once(*racers: Callable[[], Any]) -> Counter[Any]:
    """The statuses of `racers`, all started at one moment."""
    return Counter(race(len(racers), lambda number: racers[number]().status_code))


def test_a_state_is_taken_by_one_of_many():
    brought = flows.begun("vk")
    statuses = at_once(*[lambda: Client().get("/vk/callback", brought)] * RACERS)
    assert statuses == {200: 1, 400: RACERS - 1}


@pytest.mark.parametrize("with_state", [True, False])
def test_a_code_is_exchanged_by_one_of_many(with_state, fake):
    brought = flows.begun("vk") if with_state else flows.called_back("vk")
    statuses = at_once(*[lambda: flows.get_token("vk", brought)] * RACERS)
    assert statuses == {200: 1, 400: RACERS - 1}
    assert [call[1] for call in fake.calls].count("token") == 1


def test_a_code_without_a_state_is_exchanged_by_one_of_many(fake, settings):
    settings.OAUTH_YANDEX_STATELESS_CODES = True
    code = flows.begun("yandex")["code"]
    statuses = at_once(*[lambda: flows.get_token("yandex", {"code": code})] * RACERS)
    assert statuses == {200: 1, 400: RACERS - 1}
    assert [call[1] for call in fake.calls].count("token") == 1


@pytest.mark.parametrize("how", ["state", "callback", "code alone"])
def test_a_code_that_was_not_sent_for_want_of_room_is_good_a_moment_later(how, fake, settings):
    settings.OAUTH_PROVIDERS_CALLS_AT_ONCE = 1
    settings.OAUTH_YANDEX_STATELESS_CODES = True
    brought = [flows.called_back("yandex") if how == "callback" else flows.begun("yandex") for _ in range(3)]
    if how == "code alone":
        brought = [{"code": each["code"]} for each in brought]
    settings.OAUTH_PROVIDERS_CALL_SECONDS = 1.0
    fake.misbehave("yandex", "token", "stall")
    statuses = at_once(*[lambda each=each: flows.get_token("yandex", each) for each in brought])
    assert statuses == {502: 3}
    fake.misbehave("yandex", "token", "")
    # The one that was sent may have been used there.
    assert sorted(flows.get_token("yandex", each).status_code for each in brought) == [200, 200, 400]


@pytest.mark.parametrize("email", ["ivan@example.com", None])
def test_one_of_many_registrations_of_one_person_wins(email, fake):
    fake.people["vk"] = [Person(email=email)]
    access_token = flows.token("vk")
    statuses = at_once(*[lambda: flows.register("vk", access_token)] * RACERS)
    assert statuses == {200: 1, 409: RACERS - 1}
    assert User.objects.count() == 1
    assert LinkedIdentity.objects.count() == 1


def test_one_of_two_accounts_gets_an_identity():
    access_token = flows.token("vk")
    headers = [flows.signed_in(flows.account(username=name)) for name in ("ivan", "maria")]
    form = {"access_token": access_token, "hash_password": PASSWORD}
    statuses = at_once(*[lambda h=h: Client().post("/vk/link", form, headers=h) for h in headers])
    assert statuses == {200: 1, 409: 1}
    assert LinkedIdentity.objects.count() == 1


def test_two_unlinkings_at_once_leave_a_way_in(fake):
    flows.register("vk", flows.token("vk"))
    user = User.objects.get()
    fake.people["yandex"] = [Person(uid="77", email=None)]
    form, headers = {"access_token": flows.token("yandex")}, flows.signed_in(user)
    assert Client().post("/yandex/link", form, headers=headers).status_code == 200
    statuses = at_once(*[lambda key=key: Client().delete(f"/{key}/link", headers=headers) for key in ("vk", "yandex")])
    assert statuses == {200: 1, 409: 1}
    assert LinkedIdentity.objects.filter(user=user).count() == 1
