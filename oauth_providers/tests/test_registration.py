"""The provider paths of the registration dialect, through the client, with the provider on loopback."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Event, User
from oauth_providers.fake import ABSENT, Person
from oauth_providers.models import AuthorizationAttempt, LinkedIdentity
from oauth_providers.tests import flows
from oauth_providers.tests.flows import ALL, PASSWORD
from tokens.models import SignIn

pytestmark = pytest.mark.django_db

each = pytest.mark.parametrize("key", ALL)
PREFIX = {"vk": "VK", "mail.ru": "MAILRU", "yandex": "YANDEX"}


@pytest.fixture(autouse=True)
def _with_providers(fake):
    """Every test here talks to the fake provider."""


def refused(answer, status: int) -> dict:
    """The body of a refusal in the dialect's envelope."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == ({"message", "errors"} if status == 422 else {"message"})
    return body


# link


@each
def test_link_answers_the_address_as_a_json_string(key):
    answer = Client().get(f"/{key}/link")
    assert answer.status_code == 200
    address = json.loads(answer.content)
    names = [pair.partition("=")[0] for pair in address.partition("?")[2].split("&")]
    assert (
        names
        == {
            "vk": [
                "response_type",
                "client_id",
                "scope",
                "redirect_uri",
                "state",
                "code_challenge",
                "code_challenge_method",
            ],
            "mail.ru": ["client_id", "response_type", "scope", "redirect_uri", "state", "prompt_force"],
            "yandex": ["response_type", "client_id", "redirect_uri", "state"],
        }[key]
    )
    brought = flows.returned(address)
    assert len(brought["state"]) == 43, "256 bits"
    assert brought["redirect_uri"].endswith(f"/{key}/callback")
    assert answer["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer


def test_what_is_kept_of_an_attempt_gives_nothing_away():
    brought = flows.begun("vk")
    attempt = AuthorizationAttempt.objects.get()
    kept = b"".join(bytes(value) for value in vars(attempt).values() if isinstance(value, bytes | memoryview))
    for secret in brought.values():
        assert secret.encode() not in kept


def test_two_links_have_nothing_in_common():
    first, second = (flows.returned(flows.link("vk")) for _ in range(2))
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


@each
def test_a_slash_at_the_end_makes_no_difference(key):
    assert Client().get(f"/{key}/link/").status_code == 200


@pytest.mark.parametrize("path", ["link", "get/token", "registration", "login", "callback"])
@each
def test_nothing_begins_by_head_or_by_fetching_ahead(key, path):
    before = flows.state_of_the_house(), AuthorizationAttempt.objects.count()
    assert Client().head(f"/{key}/{path}").status_code == 405
    assert Client().get(f"/{key}/{path}", headers={"Sec-Purpose": "prefetch"}).status_code == 403
    assert (flows.state_of_the_house(), AuthorizationAttempt.objects.count()) == before


@pytest.mark.parametrize("path", ["link", "get/token", "registration", "login"])
@each
def test_a_method_that_is_not_known(key, path):
    refused(Client().patch(f"/{key}/{path}"), 405)


@pytest.mark.parametrize("path", ["/ok/link", "/vkontakte/link", "/mailru/link", "/mailXru/link", "/vk/secret"])
def test_other_providers_do_not_exist(path):
    assert Client().get(path).status_code == 404


# get/token


@each
def test_after_our_callback_code_and_device_id_are_enough(key, fake):
    answer = flows.get_token(key, flows.called_back(key))
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "refresh_token", "expire_in"}
    assert body["access_token"].startswith(f"{key}-token-")
    assert body["refresh_token"].startswith(f"{key}-refresh-")
    assert body["expire_in"] == 3600
    assert answer["Cache-Control"] == "no-store"
    assert [call[:2] for call in fake.calls] == [(key, "authorize"), (key, "token")]


@each
def test_a_token_the_provider_does_not_give_is_empty(key, fake):
    fake.gives_refresh_token, fake.expires_in = False, None
    body = flows.get_token(key, flows.called_back(key)).json()
    assert (body["refresh_token"], body["expire_in"]) == ("", 0)


@each
def test_a_front_end_with_its_own_callback_sends_the_state(key):
    assert flows.get_token(key, flows.begun(key)).status_code == 200


@each
def test_the_state_may_be_sent_after_our_callback_too(key):
    brought = flows.begun(key)
    Client().get(f"/{key}/callback", brought)
    assert flows.get_token(key, brought).status_code == 200


@each
def test_a_code_works_once(key, fake):
    brought = flows.called_back(key)
    assert flows.get_token(key, brought).status_code == 200
    before = flows.state_of_the_house()
    refused(flows.get_token(key, brought), 400)
    assert [call[1] for call in fake.calls].count("token") == 1, "refused before any exchange"
    assert flows.state_of_the_house() == before


@each
def test_the_attempt_is_used_up_with_the_state_or_without(key, fake):
    brought = flows.begun(key)
    Client().get(f"/{key}/callback", brought)
    assert flows.get_token(key, brought).status_code == 200
    refused(flows.get_token(key, brought), 400)
    refused(flows.get_token(key, {name: brought[name] for name in brought if name != "state"}), 400)
    another = flows.begun(key)["code"]
    refused(flows.get_token(key, {**brought, "code": another}), 400)
    assert [call[1] for call in fake.calls].count("token") == 1


@each
def test_a_state_that_is_sent_is_checked_strictly(key, fake):
    brought = flows.begun(key)
    Client().get(f"/{key}/callback", brought)
    calls = len(fake.calls)
    for state in ("unknown", brought["state"][:-1], brought["state"] + "x", "я", flows.begun(key)["state"]):
        refused(flows.get_token(key, {**brought, "state": state}), 400)
    assert [call[1] for call in fake.calls[calls:]] == ["authorize"], "no exchange"
    assert flows.get_token(key, brought).status_code == 200, "the attempt itself was not spent by wrong states"


@each
def test_a_code_belongs_to_the_attempt_whose_callback_brought_it(key, fake):
    """RFC 9700 4.5: somebody else's code, put into one's own attempt."""
    victim, attacker = flows.begun(key), flows.begun(key)
    Client().get(f"/{key}/callback", victim)
    refused(flows.get_token(key, {**victim, "state": attacker["state"]}), 400)
    assert all(call[1] != "token" for call in fake.calls)
    assert flows.get_token(key, victim).status_code == 200


@each
def test_a_code_of_one_provider_is_none_of_another(key):
    brought = flows.called_back(key)
    for other in ALL:
        if other != key:
            refused(flows.get_token(other, {"device_id": "x", **brought}), 400)


@each
@pytest.mark.parametrize("with_state", [True, False])
def test_an_attempt_is_ten_minutes_old_at_most(key, with_state, fake):
    brought = flows.begun(key)
    Client().get(f"/{key}/callback", brought)
    if not with_state:
        del brought["state"]
    AuthorizationAttempt.objects.update(started=timezone.now() - timedelta(seconds=601))
    refused(flows.get_token(key, brought), 400)
    assert all(call[1] != "token" for call in fake.calls)


@pytest.mark.parametrize("key", ["mail.ru", "yandex"])
def test_codes_without_a_state_need_the_operators_consent(key, settings, fake):
    brought = flows.begun(key)
    refused(flows.get_token(key, {"code": brought["code"]}), 400)
    assert all(call[1] != "token" for call in fake.calls)
    setattr(settings, f"OAUTH_{PREFIX[key]}_STATELESS_CODES", True)
    assert flows.get_token(key, {"code": brought["code"]}).status_code == 200
    refused(flows.get_token(key, {"code": brought["code"]}), 400)


def test_vk_takes_no_code_without_a_state(settings):
    settings.OAUTH_VK_STATELESS_CODES = True
    brought = flows.begun("vk")
    refused(flows.get_token("vk", {"code": brought["code"], "device_id": brought["device_id"]}), 400)


def test_stateless_codes_do_not_weaken_attempts_of_ours(settings, fake):
    settings.OAUTH_YANDEX_STATELESS_CODES = True
    brought = flows.begun("yandex")
    Client().get("/yandex/callback", brought)
    AuthorizationAttempt.objects.update(started=timezone.now() - timedelta(seconds=601))
    refused(flows.get_token("yandex", {"code": brought["code"]}), 400)
    assert all(call[1] != "token" for call in fake.calls)


@each
def test_a_code_the_provider_refuses(key):
    brought = flows.begun(key)
    refused(flows.get_token(key, {**brought, "code": "forged"}), 400)


def test_vk_refuses_another_device():
    brought = flows.called_back("vk")
    refused(flows.get_token("vk", {**brought, "device_id": "another"}), 400)


@each
def test_missing_and_malformed_arguments(key):
    brought = flows.called_back(key)
    before = flows.state_of_the_house()
    assert list(refused(flows.get_token(key, {**brought, "code": ""}), 422)["errors"]) == ["code"]
    assert list(refused(flows.get_token(key, {**brought, "code": "a" * 3000}), 422)["errors"]) == ["code"]
    assert list(refused(flows.get_token(key, {**brought, "code": "a\x00"}), 422)["errors"]) == ["code"]
    if key == "vk":
        assert list(refused(flows.get_token(key, {"code": brought["code"]}), 422)["errors"]) == ["device_id"]
    assert flows.state_of_the_house() == before
    assert flows.get_token(key, brought).status_code == 200


# registration and login


@each
@pytest.mark.parametrize("method", ["get", "post", "json"])
def test_a_person_registers_and_signs_in(key, method):
    access_token = flows.token(key)

    def call(path: str):
        if method == "json":
            return Client().post(f"/{key}/{path}", {"access_token": access_token}, content_type="application/json")
        return getattr(Client(), method)(f"/{key}/{path}", {"access_token": access_token})

    answer = call("registration")
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == {"access", "refresh"}
    user = User.objects.get()
    assert user.email == "ivan@example.com"
    assert user.username.startswith("user_")
    assert not user.has_usable_password()
    assert (user.profile.first_name, user.profile.last_name) == ("Иван", "Петров")
    identity = LinkedIdentity.objects.get()
    assert (identity.user, identity.provider, identity.uid) == (user, key, "1001")

    answer = call("login")
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh"}
    assert SignIn.objects.filter(user=user, dialect="registration").count() == 2
    assert [event.kind for event in Event.objects.order_by("pk")] == ["registered", "signed_in", "signed_in"]


@each
def test_the_pair_works(key):
    pair = flows.register(key, flows.token(key)).json()
    answer = Client().delete(f"/{key}/link", headers={"Authorization": f"Bearer {pair['access']}"})
    assert answer.status_code == 409, "known: it is the last way in"


@each
def test_registering_twice_is_a_conflict(key):
    access_token = flows.token(key)
    assert flows.register(key, access_token).status_code == 200
    before = flows.state_of_the_house()
    refused(flows.register(key, access_token), 409)
    assert flows.state_of_the_house() == before


@each
def test_who_is_not_registered_cannot_sign_in(key):
    access_token = flows.token(key)
    before = flows.state_of_the_house()
    refused(flows.login(key, access_token), 404)
    assert flows.state_of_the_house() == before


@each
@pytest.mark.parametrize("email", [ABSENT, None, "", "nonsense", 5, "a" * 250 + "@b.example", ["a@b.example"]])
def test_a_person_without_a_usable_email_registers_all_the_same(key, email, fake):
    fake.people[key] = [Person(email=email)]
    assert flows.register(key, flows.token(key)).status_code == 200
    assert User.objects.get().email is None


@each
def test_one_person_at_three_providers_is_three_accounts(key, fake):
    for other in ALL:
        fake.people[other] = [Person(email=ABSENT)]
        assert flows.register(other, flows.token(other)).status_code == 200
    assert User.objects.count() == 3


@each
def test_a_deactivated_account_stays_out(key):
    access_token = flows.token(key)
    flows.register(key, access_token)
    User.objects.update(is_active=False)
    before = flows.state_of_the_house()
    refused(flows.login(key, access_token), 401)
    refused(flows.register(key, access_token), 409)
    assert flows.state_of_the_house() == before


@each
@pytest.mark.parametrize("path", ["registration", "login"])
def test_arguments_of_a_wrong_type(key, path, fake):
    before = flows.state_of_the_house()
    for value in (1, True, [], ["x"], {"a": 1}, None, "", "\x00", "a" * 5000):
        answer = Client().post(f"/{key}/{path}", {"access_token": value}, content_type="application/json")
        assert list(refused(answer, 422)["errors"]) == ["access_token"]
    for body in ("[]", "null", '"x"', "{", "1", '{"access_token": "\\ud800"}'):
        refused(Client().post(f"/{key}/{path}", body, content_type="application/json"), 400)
    refused(Client().post(f"/{key}/{path}", "x", content_type="text/plain"), 415)
    refused(Client().get(f"/{key}/{path}"), 422)
    assert fake.calls == []
    assert flows.state_of_the_house() == before


# Whose token it is (security.md S37-S39)


@each
@pytest.mark.parametrize("path", ["registration", "login", "link"])
def test_a_token_issued_to_another_client_is_refused(key, path, fake):
    """S37: another site's owner presents the token one of our users gave to that site."""
    flows.register(key, flows.token(key))
    owner = flows.account(email="owner@example.com")
    stolen = fake.token(key, client=1)
    before = flows.state_of_the_house()
    if path == "link":
        answer = Client().post(
            f"/{key}/link", {"access_token": stolen, "hash_password": PASSWORD}, headers=flows.signed_in(owner)
        )
        before = (*before[:2], before[2] + 1, before[3] + 1, before[4])
    else:
        answer = Client().get(f"/{key}/{path}", {"access_token": stolen})
    refused(answer, 401)
    assert flows.state_of_the_house() == before


@pytest.mark.parametrize("key", ["vk", "mail.ru"])
def test_a_token_that_we_did_not_hand_out_is_not_even_asked_about(key, fake):
    """S38, S39: neither provider names a token's client, so a token of our own client from elsewhere is refused too."""
    refused(flows.register(key, fake.token(key, client=0)), 401)
    assert fake.calls == []
    assert User.objects.count() == 0


def test_yandex_names_the_client_itself(fake):
    assert flows.register("yandex", fake.token("yandex", client=0)).status_code == 200


def test_yandex_must_name_our_client_for_a_token_from_elsewhere(fake):
    fake.names_client = False
    refused(flows.register("yandex", fake.token("yandex", client=0)), 401)
    assert flows.register("yandex", flows.token("yandex")).status_code == 200, "handed out by our own get/token"


def test_what_yandex_says_is_believed_over_our_own_memory(fake, settings):
    access_token = flows.token("yandex")
    settings.OAUTH_YANDEX_CLIENT_ID = "renamed"
    refused(flows.register("yandex", access_token), 401)


@each
def test_a_token_handed_out_for_one_provider_is_none_of_another(key):
    access_token = flows.token(key)
    for other in ALL:
        if other != key:
            refused(flows.register(other, access_token), 401)
    assert User.objects.count() == 0


def test_vk_must_name_the_person_it_gave_the_token_for(fake):
    """S38: the profile is another person's than the one the token was handed out for."""
    access_token = flows.token("vk")
    fake.people["vk"][0].uid = "1002"
    refused(flows.register("vk", access_token), 502)
    assert User.objects.count() == 0


@pytest.mark.parametrize("key", ["vk", "mail.ru"])
def test_a_token_is_forgotten_when_it_expires(key, fake):
    access_token = flows.token(key)
    AuthorizationAttempt.objects.update(token_expires=timezone.now())
    refused(flows.register(key, access_token), 401)


@each
@pytest.mark.parametrize("uid", [ABSENT, None, "None", 0, "0", [], ["1001"], {"a": 1}, True])
def test_a_profile_without_a_user_id_is_nobody(key, uid, fake):
    """S40."""
    access_token = flows.token(key)
    fake.people[key][0].uid = uid
    for answer in (flows.register(key, access_token), flows.login(key, access_token)):
        refused(answer, 502)
    assert User.objects.count() == 0


# An e-mail never links (S41)


@each
def test_an_email_of_an_existing_account_never_links(key):
    owner = flows.account(email="Ivan@Example.com")
    access_token = flows.token(key)
    before = flows.state_of_the_house()
    refused(flows.login(key, access_token), 404)
    body = refused(flows.register(key, access_token), 409)
    assert "link" in body["message"]
    assert flows.state_of_the_house() == before
    answer = Client().post(
        f"/{key}/link", {"access_token": access_token, "hash_password": PASSWORD}, headers=flows.signed_in(owner)
    )
    assert answer.json() == {"linked": True}
    assert flows.login(key, access_token).status_code == 200


# Linking and unlinking (S42, S43, S76)


def tie(key: str, user: User, access_token: str, **body):
    return Client().post(
        f"/{key}/link",
        {"access_token": access_token, "hash_password": PASSWORD, **body},
        content_type="application/json",
        headers=flows.signed_in(user),
    )


def untie(key: str, user: User, **body):
    return Client().delete(
        f"/{key}/link",
        {"hash_password": PASSWORD, **body},
        content_type="application/json",
        headers=flows.signed_in(user),
    )


@each
def test_an_account_links_signs_in_and_unlinks(key):
    user, access_token = flows.account(username="ivan"), flows.token(key)
    for _ in range(2):
        answer = tie(key, user, access_token)
        assert (answer.status_code, answer.json()) == (200, {"linked": True})
    assert flows.login(key, access_token).status_code == 200
    for _ in range(2):
        answer = untie(key, user)
        assert (answer.status_code, answer.json()) == (200, {"linked": False})
    refused(flows.login(key, access_token), 404)
    kinds = [event.kind for event in Event.objects.filter(kind__startswith="identity").order_by("pk")]
    assert kinds == ["identity_linked", "identity_unlinked"], "one event each, not for what changed nothing"


@each
def test_linking_needs_the_accounts_own_token(key):
    access_token = flows.token(key)
    before = flows.state_of_the_house()
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}, {"Cookie": "access=x"}):
        refused(Client().post(f"/{key}/link", {"access_token": access_token}, headers=headers), 401)
        refused(Client().delete(f"/{key}/link", headers=headers), 401)
    assert flows.state_of_the_house() == before


@each
@pytest.mark.parametrize(("sent", "status"), [({"hash_password": "wrong"}, 401), ({"hash_password": None}, 422)])
def test_changing_links_needs_the_current_password(key, sent, status, fake):
    user, access_token = flows.account(username="ivan"), flows.token(key)
    tied = flows.account(username="maria")
    LinkedIdentity.objects.create(user=tied, provider=key, uid="7")
    before, calls = flows.state_of_the_house(), len(fake.calls)
    for answer in (tie(key, user, access_token, **sent), untie(key, tied, **sent)):
        body = refused(answer, status)
        if status == 422:
            assert list(body["errors"]) == ["hash_password"]
    assert flows.state_of_the_house()[:2] == before[:2]
    assert len(fake.calls) == calls
    refusals = Event.objects.filter(succeeded=False).count()
    assert refusals == (2 if status == 401 else 0), "a wrong password counts as a failed sign-in"


def test_the_password_may_be_called_password():
    user, access_token = flows.account(username="ivan"), flows.token("vk")
    assert tie("vk", user, access_token, hash_password=None, password=PASSWORD).status_code == 200


@each
def test_an_identity_linked_elsewhere_is_a_conflict(key):
    access_token = flows.token(key)
    flows.register(key, access_token)
    other = flows.account(username="other")
    before = flows.state_of_the_house()
    refused(tie(key, other, access_token), 409)
    assert flows.state_of_the_house()[:2] == before[:2]


@each
def test_a_second_account_of_one_provider_is_a_conflict(key, fake):
    user = flows.account(username="ivan")
    tie(key, user, flows.token(key))
    fake.people[key] = [Person(uid="1002")]
    before = flows.state_of_the_house()
    refused(tie(key, user, flows.token(key)), 409)
    assert flows.state_of_the_house()[:2] == before[:2]


@each
def test_the_last_way_in_cannot_be_unlinked(key, settings, fake):
    """S43; a provider that is switched off is no way in."""
    flows.register(key, flows.token(key))
    user = User.objects.get()
    before = flows.state_of_the_house()
    refused(untie(key, user), 409)
    assert flows.state_of_the_house()[:2] == before[:2]

    other = next(name for name in ALL if name != key)
    fake.people[other] = [Person(uid="77")]
    assert tie(other, user, flows.token(other)).status_code == 200
    client_id = getattr(settings, f"OAUTH_{PREFIX[other]}_CLIENT_ID")
    setattr(settings, f"OAUTH_{PREFIX[other]}_CLIENT_ID", "")
    refused(untie(key, user), 409)
    setattr(settings, f"OAUTH_{PREFIX[other]}_CLIENT_ID", client_id)
    assert untie(key, user).json() == {"linked": False}
    refused(untie(other, user), 409)


@each
def test_a_password_makes_unlinking_possible(key):
    flows.register(key, flows.token(key))
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    assert untie(key, user).json() == {"linked": False}


# A provider that is off (S49), or that misbehaves (S47)


@each
def test_a_provider_without_a_client_id_is_off(key, settings, fake):
    access_token = flows.token(key)
    flows.register(key, access_token)
    user = User.objects.get()
    setattr(settings, f"OAUTH_{PREFIX[key]}_CLIENT_ID", "")
    before, calls = flows.state_of_the_house(), len(fake.calls)
    for answer in (
        Client().get(f"/{key}/link"),
        Client().get(f"/{key}/get/token", {"code": "x"}),
        flows.login(key, access_token),
        flows.register(key, access_token),
        Client().post(f"/{key}/login", {"access_token": access_token}),
        Client().post(f"/{key}/link", {"access_token": access_token}),
        Client().delete(f"/{key}/link"),
    ):
        assert int(answer["Retry-After"]) >= 1
        refused(answer, 503)
    assert Client().get(f"/{key}/callback", {"code": "x", "state": "y"}).status_code == 503
    assert flows.state_of_the_house() == before
    assert len(fake.calls) == calls
    assert LinkedIdentity.objects.filter(user=user).exists()


@each
@pytest.mark.parametrize("how", ["302", "307", "500", "hang-up", "big", "html", "list", "deep", "nan"])
def test_a_provider_that_falls_over_is_a_502(key, how, fake):
    access_token = flows.token(key)
    before = flows.state_of_the_house()
    fake.misbehave(key, "userinfo", how)
    fake.misbehave(key, "token", how)
    refused(flows.register(key, access_token), 502)
    refused(flows.login(key, access_token), 502)
    refused(flows.get_token(key, flows.called_back(key)), 502)
    assert flows.state_of_the_house() == before


@each
@pytest.mark.parametrize("how", ["400", "error"])
def test_a_provider_that_refuses_is_believed(key, how, fake):
    access_token = flows.token(key)
    before = flows.state_of_the_house()
    fake.misbehave(key, "userinfo", how)
    fake.misbehave(key, "token", how)
    refused(flows.register(key, access_token), 401)
    refused(flows.login(key, access_token), 401)
    refused(flows.get_token(key, flows.called_back(key)), 400)
    assert flows.state_of_the_house() == before


# What it costs


def test_the_number_of_queries(django_assert_num_queries, fake, settings):
    settings.ACCOUNTS_RATE_LIMITS = False  # What counting costs is `accounts/tests/test_lockout.py`'s to say.
    brought = flows.called_back("vk")
    with django_assert_num_queries(1):
        Client().get("/vk/link")
    begun = flows.begun("vk")
    with django_assert_num_queries(4):  # savepoint, claim, release, read
        Client().get("/vk/callback", begun)
    with django_assert_num_queries(5):  # savepoint, claim, release, read; then the token's digest
        access_token = flows.get_token("vk", brought).json()["access_token"]
    flows.register("vk", access_token)
    flows.login("vk", access_token)  # The signing keys are read, and remembered for some seconds.
    with django_assert_num_queries(6):  # whose token, whose identity; the ledger's row and event in a transaction
        assert flows.login("vk", access_token).status_code == 200
    with django_assert_num_queries(1):  # whose token
        flows.login("vk", "unknown")


@each
def test_wrong_codes_and_tokens_are_counted_against_the_address(key, settings, fake):
    settings.ACCOUNTS_TOKEN_FAILURES_PER_IP = 3
    access_token, brought = flows.token(key), flows.called_back(key)
    refused(flows.login(key, "unknown"), 401)
    refused(flows.get_token(key, {**brought, "code": "unknown"}), 400)
    assert Client().get(f"/{key}/callback", {"code": "x", "state": "unknown"}).status_code == 400
    for answer in (flows.login(key, "unknown"), flows.get_token(key, {**brought, "code": "unknown"})):
        assert int(answer["Retry-After"]) >= 1
        refused(answer, 429)
    assert flows.register(key, access_token).status_code == 200, "what is right is never held back"
    assert flows.get_token(key, brought).status_code == 200


@each
def test_registrations_have_a_quota(key, settings, fake):
    settings.ACCOUNTS_REGISTRATIONS_PER_IP = 1
    assert flows.register(key, flows.token(key)).status_code == 200
    fake.people[key] = [Person(uid="1002", email=ABSENT)]
    access_token, before = flows.token(key), flows.state_of_the_house()
    refused(flows.register(key, access_token), 429)
    assert flows.state_of_the_house()[:3] == before[:3]
    refused(flows.login(key, access_token), 404)


def test_the_current_password_is_guessed_a_few_times_only(settings, fake):
    settings.ACCOUNTS_FAILURES_PER_ACCOUNT = 3
    user, access_token = flows.account(username="ivan"), flows.token("vk")
    for _ in range(3):
        refused(tie("vk", user, access_token, hash_password="wrong"), 401)
    refused(tie("vk", user, access_token), 429)
    assert LinkedIdentity.objects.count() == 0


def test_the_openapi_document_prints_every_path():
    document = Client().get("/openapi.json").json()
    for key in ALL:
        for path in ("link", "get/token", "registration", "login"):
            assert f"/{key}/{path}" in document["paths"]
        assert f"/{key}/callback" not in document["paths"]
        parameters = document["paths"][f"/{key}/get/token"]["get"]["parameters"]
        assert [each["name"] for each in parameters if each.get("required")] == (
            ["code", "device_id"] if key == "vk" else ["code"]
        )
        assert document["paths"][f"/{key}/link"]["post"]["security"] == [{"registration-access token": []}]
        assert "security" not in document["paths"][f"/{key}/link"]["get"]
