"""Each provider's protocol against the fake one: addresses, exchange, and the strict reading of who somebody is."""

from urllib.parse import parse_qs, urlsplit

import pytest

from oauth_providers import client, providers
from oauth_providers.errors import ProviderNonsense, ProviderRefusal, ProviderUnreachable
from oauth_providers.fake import ABSENT, Person

STATE, VERIFIER = "s" * 43, "v" * 43
ALL = list(providers.CLASSES)


def consent(fake, key: str) -> dict[str, str]:
    """Walk through the provider's page; return what it appends to the redirect address."""
    backend = providers.backend(key)
    asked = parse_qs(urlsplit(backend.address_to_authorize(state=STATE, verifier=VERIFIER)).query)
    redirected = fake.consented(key, {name: values[-1] for name, values in asked.items()}, 0)
    assert redirected.startswith(backend.facts.redirect_uri)
    return {name: values[-1] for name, values in parse_qs(urlsplit(redirected).query).items()}


def exchange(fake, key: str, **changes) -> providers.Tokens:
    given = consent(fake, key)
    arguments = {"state": STATE, "verifier": VERIFIER, "device_id": given.get("device_id", ""), **changes}
    return providers.backend(key).exchange(arguments.pop("code", given["code"]), **arguments)


@pytest.mark.parametrize(
    ("key", "prefix", "printed"),
    [
        pytest.param(
            "vk",
            "VK",
            "https://id.vk.com/authorize?response_type=code&client_id=52896748&scope=email"
            "&redirect_uri=https%3A%2F%2Fsite.example%2Fvk%2Fcallback&state=xxrDRfZ-b3o1"
            "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=s256",
            id="vk",
        ),
        pytest.param(
            "mail.ru",
            "MAILRU",
            "https://oauth.mail.ru/login?client_id=52896748&response_type=code&scope=userinfo"
            "&redirect_uri=https%3A%2F%2Fsite.example%2Fmail.ru%2Fcallback&state=xxrDRfZ-b3o1&prompt_force=1",
            id="mail.ru",
        ),
        pytest.param(
            "yandex",
            "YANDEX",
            "https://oauth.yandex.ru/authorize?response_type=code&client_id=52896748"
            "&redirect_uri=https%3A%2F%2Fsite.example%2Fyandex%2Fcallback&state=xxrDRfZ-b3o1",
            id="yandex",
        ),
    ],
)
def test_the_address_is_the_documented_one(settings, key, prefix, printed):
    setattr(settings, f"OAUTH_{prefix}_CLIENT_ID", "52896748")
    setattr(settings, f"OAUTH_{prefix}_AUTHORIZE_URL", "")
    setattr(settings, f"OAUTH_{prefix}_REDIRECT_URI", f"https://site.example/{key}/callback")
    # The verifier and its challenge are RFC 7636's, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert providers.backend(key).address_to_authorize(state="xxrDRfZ-b3o1", verifier=verifier) == printed


@pytest.mark.parametrize("key", ALL)
def test_a_code_is_exchanged_and_its_token_names_the_person(fake, key):
    tokens = exchange(fake, key)
    assert tokens.access_token.startswith(f"{key}-token-")
    assert tokens.refresh_token.startswith(f"{key}-refresh-")
    assert tokens.expires_in == 3600
    assert tokens.user_id == ("1001" if key == "vk" else "")
    assert tokens.access_token not in repr(tokens)

    backend = providers.backend(key)
    identity = backend.identify(tokens.access_token, user_id=tokens.user_id)
    assert (identity.provider, identity.uid) == (key, "1001")
    assert identity.client_id == ("yandex-ours" if key == "yandex" else "")
    assert backend.get_user_details(identity.response) == {
        "email": "ivan@example.com",
        "first_name": "Иван",
        "last_name": "Петров",
    }
    assert [call[1] for call in fake.calls] == ["token", "userinfo"]


@pytest.mark.parametrize("key", ALL)
def test_a_code_works_once_and_only_with_what_it_was_made_for(fake, key, settings):
    given = consent(fake, key)
    arguments = {"state": STATE, "verifier": VERIFIER, "device_id": given.get("device_id", "")}
    providers.backend(key).exchange(given["code"], **arguments)
    with pytest.raises(ProviderRefusal):
        providers.backend(key).exchange(given["code"], **arguments)
    with pytest.raises(ProviderRefusal):
        exchange(fake, key, code="another")
    if key == "vk":
        with pytest.raises(ProviderRefusal):
            exchange(fake, key, verifier="w" * 43)
        with pytest.raises(ProviderRefusal):
            exchange(fake, key, device_id="another")
        with pytest.raises(ProviderRefusal):
            exchange(fake, key, device_id="")
    else:
        prefix = "MAILRU" if key == "mail.ru" else "YANDEX"
        setattr(settings, f"OAUTH_{prefix}_CLIENT_SECRET", "wrong")
        with pytest.raises(ProviderRefusal):
            exchange(fake, key)


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize(
    ("how", "failure"),
    [
        ("hang-up", ProviderUnreachable),
        ("500", ProviderUnreachable),
        ("302", ProviderNonsense),
        ("307", ProviderNonsense),
        ("big", ProviderNonsense),
        ("html", ProviderNonsense),
        ("list", ProviderNonsense),
        ("deep", ProviderNonsense),
        ("nan", ProviderNonsense),
        ("400", ProviderRefusal),
        ("error", ProviderRefusal),
    ],
)
def test_a_provider_that_misbehaves(fake, key, how, failure):
    token = fake.token(key)
    fake.misbehave(key, "token", how)
    fake.misbehave(key, "userinfo", how)
    with pytest.raises(failure) as caught:
        exchange(fake, key)
    assert caught.value.__context__ is None
    with pytest.raises(failure) as caught:
        providers.backend(key).identify(token)
    assert caught.value.__context__ is None
    assert token not in repr(caught.value)


def test_the_exchange_must_bring_a_token(fake):
    for key in ALL:
        fake.misbehave(key, "token", "no-token")
        with pytest.raises(ProviderNonsense):
            exchange(fake, key)


def test_vk_echoes_our_state_or_none(fake):
    fake.echoes_state = False
    assert exchange(fake, "vk").user_id == "1001"
    fake.misbehave("vk", "token", "other-state")
    with pytest.raises(ProviderNonsense):
        exchange(fake, "vk")


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize(
    ("value", "seconds"), [(3600, 3600), ("3600", 3600), (None, 0), (0, 0), (31_536_000, 31_536_000)]
)
def test_lifetimes_are_read(fake, key, value, seconds):
    fake.expires_in, fake.gives_refresh_token = value, False
    tokens = exchange(fake, key)
    assert (tokens.expires_in, tokens.refresh_token) == (seconds, "")


@pytest.mark.parametrize("value", [-1, True, 10**18, "soon", [], 1.5, "9" * 5000])
def test_lifetimes_that_make_no_sense(fake, value):
    fake.expires_in = value
    with pytest.raises(ProviderNonsense):
        exchange(fake, "yandex")


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize(
    "uid",
    [
        *(ABSENT, None, "", " ", "None", "null", 0, "0", "000", -5, "-5", 1.5, True, False, [], ["1"], {"id": "1"}),
        *("ivan@example.com", "1\n", "١", "9" * 65, "a b"),
    ],
)
def test_who_has_no_usable_id_is_nobody(fake, key, uid):
    token = fake.token(key, person=Person(uid=uid))
    with pytest.raises(ProviderNonsense):
        providers.backend(key).identify(token)


@pytest.mark.parametrize("key", ALL)
def test_a_number_and_its_text_are_one_id(fake, key):
    for uid in (7, "7"):
        assert providers.backend(key).identify(fake.token(key, person=Person(uid=uid))).uid == "7"


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("email", [ABSENT, None, "", 5, ["a@b.example"], {"a": "b"}, "a@b.example\n\x00", "a" * 300])
def test_an_unreadable_email_is_none(fake, key, email):
    backend = providers.backend(key)
    identity = backend.identify(fake.token(key, person=Person(email=email)))
    assert backend.get_user_details(identity.response)["email"] == ""


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "токен", "\x00", "a" * 5000, "\ud800"])
@pytest.mark.parametrize("key", ALL)
def test_a_token_that_cannot_be_one_reaches_no_provider(fake, key, token):
    with pytest.raises(ProviderRefusal):
        providers.backend(key).identify(token)
    assert fake.calls == []


@pytest.mark.parametrize("key", ALL)
def test_an_unknown_token_is_refused(fake, key):
    with pytest.raises(ProviderRefusal):
        providers.backend(key).identify("unknown")


def test_vk_refuses_a_token_of_another_client(fake):
    with pytest.raises(ProviderRefusal):
        providers.backend("vk").identify(fake.token("vk", client=1))


def test_yandex_names_the_client(fake):
    backend = providers.backend("yandex")
    assert backend.identify(fake.token("yandex", client=1)).client_id == "yandex-theirs"
    fake.names_client = False
    assert backend.identify(fake.token("yandex")).client_id == ""


def test_the_token_must_be_of_the_person_it_was_handed_out_for(fake):
    with pytest.raises(ProviderNonsense):
        providers.backend("vk").identify(fake.token("vk"), user_id="1002")


def test_yandex_gets_its_token_in_a_header_and_mail_ru_in_the_query(fake):
    providers.backend("yandex").identify(fake.token("yandex"))
    token = fake.token("mail.ru")
    providers.backend("mail.ru").identify(token)
    assert fake.calls == [("yandex", "userinfo", {"format": "json"}), ("mail.ru", "userinfo", {"access_token": token})]


def test_only_our_client_is_used(fake, monkeypatch):
    monkeypatch.setattr("requests.request", lambda *_, **__: pytest.fail("social-core opened a socket"))
    for key in ALL:
        exchange(fake, key)
    assert client.send.__module__ == "oauth_providers.client"
