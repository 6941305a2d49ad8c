"""goncord: the menu, what applications keep about an account, and the card that is kept in memory."""

import json

import pytest

from accounts.models import Application, Role, User
from accounts.services import roles
from accounts.services.versions import catalogue_changed
from accounts.tests.factories import make_application, make_user
from accounts.tests.goncord import DMITRY_SHOWN, Goncord
from profiles.models import ApplicationPayload
from profiles.services import memory, payloads, shared_cards

pytestmark = pytest.mark.django_db

SELF = "/api/v0/resource/self_update"
UPDATE = "/api/v0/resource/update"
MENU = "/api/v0/menu"


@pytest.fixture
def goncord(client):
    goncord = Goncord(client)
    goncord.register()
    goncord.sign_in(login="test", password="password")
    return goncord


@pytest.fixture
def site(goncord):
    """An application, whose token the client then has."""
    application, goncord.application = make_application()
    return application


@pytest.fixture
def top(goncord):
    """A super application, whose token the client then has."""
    application, goncord.application = make_application("https://top.example", is_super=True)
    return application


def kept():
    return list(ApplicationPayload.objects.order_by("pk").values_list("user__username", "application__url", "payload"))


# The menu.


@pytest.mark.parametrize("path", [MENU, f"{MENU}/"])
def test_the_menu_is_the_active_applications_that_share_a_role(goncord, path, django_assert_num_queries):
    make_application("https://b.example", role_names=["one", "two"])
    make_application("https://a.example", role_names=["two"])
    make_application("https://other.example", role_names=["three"])
    make_application("https://none.example")
    gone, _ = make_application("https://gone.example", role_names=["one"])
    Application.objects.filter(pk=gone.pk).update(is_active=False)
    assert goncord.call("GET", path).json() == []
    roles.grant(User.objects.get(), ["one", "two", "four"], actor="test")
    with django_assert_num_queries(2):
        response = goncord.call("GET", path)
    assert response.status_code == 200
    assert response.json() == [
        {"url": "https://a.example", "name": "Site"},
        {"url": "https://b.example", "name": "Site"},
    ]


def test_the_menu_needs_a_token(goncord):
    goncord.jwt = ""
    assert goncord.call("GET", MENU).status_code == 401


# What applications keep.


def test_an_application_keeps_its_own_object(goncord, site):
    payload = {"имя": "значение", "list": [1, 2.5, None, True, {"deep": []}], "": "", "https://top.example": {}}
    response = goncord.call("PATCH", SELF, payload)
    assert (response.status_code, response.json()) == (200, {**DMITRY_SHOWN, "apps": {site.url: payload}})
    assert goncord.validate().json()["apps"] == {site.url: payload}
    assert goncord.call("PATCH", f"{SELF}/", {"a": ""}).json()["apps"] == {site.url: {"a": ""}}
    assert goncord.call("PATCH", SELF, {}).json()["apps"] == {site.url: {}}
    assert goncord.call("PATCH", SELF).json()["apps"] == {site.url: {}}
    assert kept() == [("test", site.url, {})]


def test_an_application_cannot_name_another(goncord, site):
    make_application("https://other.example")
    goncord.call("PATCH", SELF, {"https://other.example": {"a": 1}, "apps": {"https://other.example": {"a": 1}}})
    assert [url for _, url, _ in kept()] == [site.url]
    assert goncord.call("PATCH", UPDATE, {"https://other.example": {"a": 1}}).status_code == 403
    assert [url for _, url, _ in kept()] == [site.url]


def test_a_form_is_an_object_of_texts(goncord, site):
    headers = {"Authorization": f"Bearer {goncord.jwt}", "x-app-token": goncord.application}
    form = "application/x-www-form-urlencoded"
    response = goncord.client.generic("PATCH", SELF, b"a=1&b=%5B%5D&a=2", content_type=form, headers=headers)
    assert response.json()["apps"] == {site.url: {"a": "2", "b": "[]"}}


def test_a_super_application_keeps_for_others(goncord, top):
    make_application("https://a.example")
    make_application("https://b.example")
    both = {"https://a.example": {"n": 1}, "https://b.example": {"n": 2}}
    response = goncord.call("PATCH", UPDATE, both)
    assert (response.status_code, response.json()) == (200, {**DMITRY_SHOWN, "apps": both})
    changed = goncord.call("PATCH", f"{UPDATE}/", {"https://a.example": None, "https://top.example": {}})
    assert changed.json()["apps"] == {"https://b.example": {"n": 2}, "https://top.example": {}}
    assert goncord.call("PATCH", UPDATE, {}).json()["apps"] == changed.json()["apps"]
    headers = {"Authorization": f"Bearer {goncord.jwt}", "x-app-token": goncord.application}
    form = "application/x-www-form-urlencoded"
    body = b'https://b.example={"n": 3}'
    response = goncord.client.generic("PATCH", UPDATE, body, content_type=form, headers=headers)
    assert response.json()["apps"] == {"https://b.example": {"n": 3}, "https://top.example": {}}


@pytest.mark.parametrize(
    "body", ["[]", "null", '"x"', "5", "{", '{"a": NaN}', '{"a": 1e999}', '{"a":' * 70 + "1" + "}" * 70]
)
def test_what_is_no_object_is_a_400(goncord, site, body):
    assert goncord.call("PATCH", SELF, body).status_code == 400
    assert not kept()


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"a": "\x00"}, id="nul"),
        pytest.param({"a": [{"b": ["x\x00y"]}]}, id="deep-nul"),
        pytest.param({"\x00": 1}, id="nul-key"),
        pytest.param({"a": "x" * 16_377}, id="a-byte-too-many"),
        pytest.param({"a": "я" * 8_189}, id="a-character-too-many"),
    ],
)
def test_a_payload_that_cannot_be_kept_is_a_422(goncord, site, top, payload):
    response = goncord.call("PATCH", UPDATE, {site.url: payload})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [site.url]
    own = goncord.call("PATCH", SELF, payload)
    assert (own.status_code, list(own.json()["errors"])) == (422, [top.url])
    assert not kept()


@pytest.mark.parametrize("payload", [{"a": "x" * 16_376}, {"a": "я" * 8_188}])
def test_sixteen_kibibytes_fit(goncord, site, payload):
    assert len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()) == 16_384
    assert goncord.call("PATCH", SELF, payload).json()["apps"] == {site.url: payload}
    assert goncord.validate().json()["apps"] == {site.url: payload}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"https://unknown.example": {}}, "https://unknown.example"),
        ({"https://top.example": {}, "https://unknown.example": {}}, "https://unknown.example"),
        ({"https://top.example": []}, "https://top.example"),
        ({"https://top.example": ""}, "https://top.example"),
        ({"https://top.example": False}, "https://top.example"),
        ({"https://top.example/": {}}, "https://top.example/"),
        ({"": {}}, ""),
    ],
)
def test_one_wrong_address_or_payload_changes_nothing(goncord, top, body, field):
    response = goncord.call("PATCH", UPDATE, {"https://top.example": {"a": 1}, **body})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [field]
    assert not kept()


def test_a_file_is_no_payload(goncord, site):
    headers = {"Authorization": f"Bearer {goncord.jwt}", "x-app-token": goncord.application}
    body = b'--B\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nx\r\n--B--\r\n'
    kind = "multipart/form-data; boundary=B"
    response = goncord.client.generic("PATCH", SELF, body, content_type=kind, headers=headers)
    assert response.status_code == 422
    assert not kept()


def test_strange_numbers_come_back_as_they_are(goncord, site):
    payload = {"big": 2**200, "small": -1e-300, "large": 1.5e300, "zero": 0, "float": 0.1}
    goncord.call("PATCH", SELF, payload)
    # PostgreSQL writes a large number with all its digits: to a reader of JSON it is the same number.
    back = json.loads(goncord.validate().content, parse_int=float)
    assert back["apps"] == {site.url: {name: float(number) for name, number in payload.items()}}


def test_the_data_of_one_account_is_not_that_of_another(goncord, site):
    other = make_user("other", email="other@x.ru")
    payloads.store(other, payloads.own_change(site, {"secret": 1}))
    goncord.call("PATCH", SELF, {"mine": 1})
    assert goncord.validate().json()["apps"] == {site.url: {"mine": 1}}
    assert sorted(kept()) == [("other", site.url, {"secret": 1}), ("test", site.url, {"mine": 1})]


# The card that is kept in memory.


def test_every_change_shows_in_the_next_validate(goncord, site, django_assert_num_queries):
    user = User.objects.get()

    def shown():
        first = goncord.validate().json()
        with django_assert_num_queries(1):
            assert goncord.validate().json() == first
        return first

    assert shown() == DMITRY_SHOWN
    payloads.store(user, payloads.own_change(site, {"a": 1}))
    assert shown()["apps"] == {site.url: {"a": 1}}
    payloads.store(user, {site.pk: None})
    assert shown()["apps"] == {}
    roles.grant(user, ["a"], actor="test")
    assert shown()["roles"] == [{"name": "a"}]
    # What the staff's pages do: the catalogue changes, whoever has the role.
    Role.objects.update(name="renamed")
    catalogue_changed()
    assert shown()["roles"] == [{"name": "renamed"}]


def test_a_card_of_another_account_or_version_is_never_found(goncord, site):
    user, other = User.objects.get(), make_user("other", email="other@x.ru")
    shared_cards.remembered(user, catalogue_version=0)
    payloads.store(other, payloads.own_change(site, {"a": 1}))
    other.refresh_from_db()
    assert shared_cards.remembered(other, catalogue_version=0).payloads == {site.url: {"a": 1}}
    assert shared_cards.remembered(user, catalogue_version=0).payloads == {}
    # The same id and versions, of an account that a restored database gave the id to.
    impostor = User(pk=other.pk, card_version=other.card_version, credentials_stamp="0" * 32)
    ApplicationPayload.objects.all().delete()
    assert shared_cards.remembered(impostor, catalogue_version=0).payloads == {}


def test_memory_is_bounded_and_the_last_used_stay(goncord, settings, django_assert_num_queries):
    users = [make_user(f"user{n}", email=f"u{n}@x.ru") for n in range(5)]
    settings.PROFILES_CARD_CACHE_BYTES = 3 * (memory.ENTRY_BYTES + 2)
    for user in users:
        shared_cards.remembered(user, catalogue_version=0)
    with django_assert_num_queries(0):
        shared_cards.remembered(users[2], catalogue_version=0)
    shared_cards.remembered(users[0], catalogue_version=0)
    with django_assert_num_queries(0):
        shared_cards.remembered(users[2], catalogue_version=0)
    with django_assert_num_queries(3):
        shared_cards.remembered(users[3], catalogue_version=0)
    settings.PROFILES_CARD_CACHE_BYTES = 0
    shared_cards.remembered(users[1], catalogue_version=0)
    with django_assert_num_queries(3):
        shared_cards.remembered(users[1], catalogue_version=0)
