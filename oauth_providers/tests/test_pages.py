"""The pages: what a person sees when a provider sends their browser back (security.md S44-S46)."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Event, User
from oauth_providers.fake import Person
from oauth_providers.models import AuthorizationAttempt, LinkedIdentity
from oauth_providers.tests import flows
from oauth_providers.tests.flows import ALL
from tokens.models import SignIn

pytestmark = pytest.mark.django_db

each = pytest.mark.parametrize("key", ALL)
PREFIX = {"vk": "VK", "mail.ru": "MAILRU", "yandex": "YANDEX"}


@pytest.fixture(autouse=True)
def _with_providers(fake):
    """Every test here talks to the fake provider."""


def page(answer, status: int) -> str:
    """The text of a readable page."""
    assert answer.status_code == status, answer.content.decode()
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    text = answer.content.decode()
    assert not re.search("<style|style=|<script", text)
    return text


def exchanges(fake) -> int:
    return [call[1] for call in fake.calls].count("token")


# An attempt begun by `link`


@each
def test_the_callback_says_how_to_go_on(key, fake):
    brought = flows.begun(key)
    answer = Client().get(f"/{key}/callback", brought)
    text = page(answer, 200)
    assert f"/{key}/get/token" in text
    for value in brought.values():
        assert value in text
    assert "Set-Cookie" not in answer
    assert exchanges(fake) == 0, "the code is not exchanged here"
    assert AuthorizationAttempt.objects.get().used is None


@pytest.mark.parametrize(
    ("language", "returned", "refused", "expired"),
    [
        ("en", "has confirmed who you are", "has not confirmed", "did not work"),
        ("ru", "подтвердил, кто вы", "не подтвердил вход", "не удался"),
    ],
)
@each
def test_the_pages_speak_the_language_asked_for(key, language, returned, refused, expired):
    browser = Client(headers={"Accept-Language": language})
    assert returned in page(browser.get(f"/{key}/callback", flows.begun(key)), 200)
    declined = {"error": "access_denied", "state": flows.begun(key)["state"]}
    assert refused in page(browser.get(f"/{key}/callback", declined), 400)
    text = page(browser.get(f"/{key}/callback", {"code": "x", "state": "y"}), 400)
    assert expired in text
    if language == "ru":
        assert not re.search(r"[A-Za-z]{4,}", re.sub(r"<[^>]*>|authsite|Mail\.ru|Yandex", "", text)), text


def test_who_began_here_is_not_sent_back_to_an_application(settings):
    assert "the application" in page(Client().get("/vk/callback", {"state": "y"}), 400)
    browser = Client()
    browser.get("/vk/enter")
    for refused in (browser.get("/vk/callback", {"state": "y"}), Client().post("/vk/enter")):
        text = page(refused, refused.status_code)
        assert "the application" not in text
        assert 'href="/"' in text
    settings.OAUTH_VK_CLIENT_ID = ""
    assert "the application" not in page(Client().get("/vk/enter"), 503)


@each
@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"state": ""}, id="no state"),
        pytest.param({"state": "unknown"}, id="unknown"),
        pytest.param({"state": "a" * 3000}, id="over-long"),
        pytest.param({"state": "\x00"}, id="nul"),
        pytest.param({"code": "a" * 3000}, id="over-long code"),
    ],
)
def test_a_state_that_is_none_of_ours(key, spoilt, fake):
    before = flows.state_of_the_house()
    page(Client().get(f"/{key}/callback", {**flows.begun(key), **spoilt}), 400)
    assert exchanges(fake) == 0
    assert AuthorizationAttempt.objects.get().arrived is None
    assert flows.state_of_the_house() == before


@each
def test_a_state_is_taken_once(key, fake):
    brought = flows.begun(key)
    page(Client().get(f"/{key}/callback", brought), 200)
    page(Client().get(f"/{key}/callback", brought), 400)
    page(Client().get(f"/{key}/callback", {**brought, "code": "another"}), 400)
    assert exchanges(fake) == 0
    assert flows.get_token(key, brought).status_code == 200, "the first one's code still stands"


@each
def test_a_state_that_get_token_has_used_is_gone(key):
    brought = flows.begun(key)
    assert flows.get_token(key, brought).status_code == 200
    page(Client().get(f"/{key}/callback", brought), 400)


@each
def test_a_state_is_ten_minutes_old_at_most(key):
    brought = flows.begun(key)
    AuthorizationAttempt.objects.update(started=timezone.now() - timedelta(seconds=601))
    page(Client().get(f"/{key}/callback", brought), 400)
    brought = flows.begun(key)
    AuthorizationAttempt.objects.update(started=timezone.now() - timedelta(seconds=590))
    page(Client().get(f"/{key}/callback", brought), 200)


@each
def test_a_state_belongs_to_its_provider(key):
    brought = flows.begun(key)
    for other in ALL:
        if other != key:
            page(Client().get(f"/{other}/callback", brought), 400)
    page(Client().get(f"/{key}/callback", brought), 200)


@each
def test_a_code_is_remembered_for_one_attempt(key):
    first, second = flows.begun(key), flows.begun(key)
    page(Client().get(f"/{key}/callback", first), 200)
    page(Client().get(f"/{key}/callback", {**second, "code": first["code"]}), 400)


@each
def test_who_declines_ends_the_attempt(key, fake):
    fake.consent = "refuse"
    brought = flows.returned(flows.consent(flows.link(key)))
    assert brought["error"] == "access_denied"
    text = page(Client().get(f"/{key}/callback", brought), 400)
    assert brought["error_description"] not in text, "what anybody can write into an address is not shown as ours"
    page(Client().get(f"/{key}/callback", {"state": brought["state"], "code": "x"}), 400)
    assert flows.get_token(key, {"state": brought["state"], "code": "x", "device_id": "y"}).status_code == 400
    assert exchanges(fake) == 0


@each
def test_what_stands_in_the_address_is_data(key):
    hostile = '"><script>alert(1)</script>'
    state = flows.begun(key)["state"]
    text = page(Client().get(f"/{key}/callback", {"state": state, "code": hostile, "device_id": hostile}), 200)
    assert "&lt;script&gt;" in text


@each
def test_other_methods_are_refused_by_a_page(key):
    page(Client().post(f"/{key}/callback"), 405)


@each
def test_a_provider_that_is_off_says_so(key, settings):
    brought = flows.begun(key)
    setattr(settings, f"OAUTH_{PREFIX[key]}_CLIENT_ID", "")
    page(Client().get(f"/{key}/callback", brought), 503)
    page(Client().get(f"/{key}/enter"), 503)


# The front end an operator names (S45, S46)


@each
@pytest.mark.parametrize(
    ("frontend_url", "begins"),
    [
        ("https://spa.example/after", "https://spa.example/after?code="),
        ("https://spa.example/?from=vk", "https://spa.example/?from=vk&code="),
        ("http://localhost:5173/#/signed", "http://localhost:5173/#/signed?code="),
    ],
)
def test_the_browser_is_forwarded_to_the_front_end(key, frontend_url, begins, settings, fake):
    setattr(settings, f"OAUTH_{PREFIX[key]}_FRONTEND_URL", frontend_url)
    brought = flows.begun(key)
    answer = Client().get(f"/{key}/callback", brought)
    assert answer.status_code == 302
    assert answer["Location"].startswith(begins)
    assert flows.returned(answer["Location"].replace("#", "")) | brought == flows.returned(
        answer["Location"].replace("#", "")
    )
    assert exchanges(fake) == 0
    assert flows.get_token(key, brought).status_code == 200
    page(Client().get(f"/{key}/callback", {"code": "x", "state": "y"}), 400)


@each
@pytest.mark.parametrize(
    "target",
    [
        *("//evil.example", "https:evil.example", r"\\evil.example", "javascript:alert(1)"),
        *("https://spa.example@evil.example", "https://spa.example:444/evil"),
    ],
)
def test_no_argument_says_where_to_go(key, target, settings):
    names = ("next", "redirect", "redirect_uri", "redirect_url", "return_to", "frontend_url", "url")
    hostile = dict.fromkeys(names, target)
    address = Client().get(f"/{key}/link", hostile).json()
    assert not re.search("evil|javascript", address)
    text = page(Client().get(f"/{key}/callback", {**flows.begun(key), **hostile}), 200)
    assert not re.search("evil|javascript", text)
    setattr(settings, f"OAUTH_{PREFIX[key]}_FRONTEND_URL", "https://spa.example/")
    location = Client().get(f"/{key}/callback", {**flows.begun(key), **hostile})["Location"]
    assert urlsplit(location).netloc == "spa.example"
    assert not re.search("evil|javascript", location)


@each
def test_the_host_of_a_request_is_in_no_address(key, settings):
    settings.PUBLIC_URL = "https://accounts.example"
    for headers in (
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    ):
        address = Client().get(f"/{key}/link", headers=headers).json()
        assert flows.returned(address)["redirect_uri"] == f"https://accounts.example/{key}/callback"
    refused = Client().get(f"/{key}/link", headers={"Host": "evil.example"})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/json")
    assert AuthorizationAttempt.objects.count() == 3
    setattr(settings, f"OAUTH_{PREFIX[key]}_REDIRECT_URI", "https://spa.example/callback")
    assert flows.returned(flows.link(key))["redirect_uri"] == "https://spa.example/callback"


# An attempt begun by a page of ours


def begin(key: str, browser: Client) -> dict[str, str]:
    """Begin on our page and consent; what the provider appends."""
    answer = browser.get(f"/{key}/enter")
    assert answer.status_code == 302
    cookie = answer.cookies["oauth_browser"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", f"/{key}/callback")
    return flows.returned(flows.consent(answer["Location"]))


@each
def test_our_own_page_signs_in_and_registers(key, fake, caplog):
    caplog.set_level("INFO", "accounts.requests")
    for _ in range(2):
        browser = Client()
        browser.get("/")
        browser.session["before"] = True
        brought = begin(key, browser)
        answer = browser.get(f"/{key}/callback", brought)
        user = User.objects.get()
        assert user.username in page(answer, 200)
        assert browser.session["_auth_user_id"] == str(user.pk)
        told = caplog.records[-1].facts
        assert (told["account"], told["dialect"]) == (user.pk, "site")
        assert answer.cookies["oauth_browser"].value == ""
    assert LinkedIdentity.objects.get().user == user
    assert [event.kind for event in Event.objects.order_by("pk")] == ["registered", "signed_in", "signed_in"]
    assert set(Event.objects.values_list("dialect", flat=True)) == {"site"}
    assert SignIn.objects.count() == 0


@each
def test_the_session_key_changes_at_the_sign_in(key):
    browser = Client()
    session = browser.session
    session["planted"] = True
    session.save()
    planted = str(session.session_key)
    browser.get(f"/{key}/callback", begin(key, browser))
    assert browser.session.session_key != planted
    assert not Client().session.exists(planted)


@each
def test_another_browser_cannot_finish_it(key, fake):
    """RFC 9700 4.7: an attacker sends the victim the end of the attacker's own attempt."""
    attacker, victim = Client(), Client()
    brought = begin(key, attacker)
    begin(key, victim)
    before = flows.state_of_the_house()
    for browser in (victim, Client()):
        page(browser.get(f"/{key}/callback", brought), 400)
        assert "sessionid" not in browser.cookies
    assert exchanges(fake) == 0, "refused before any exchange"
    assert flows.state_of_the_house() == before
    page(attacker.get(f"/{key}/callback", brought), 200)


@each
def test_get_token_does_not_finish_it(key, fake):
    browser = Client()
    brought = begin(key, browser)
    wanted = {name: value for name, value in brought.items() if name in ("code", "state", "device_id")}
    assert flows.get_token(key, wanted).status_code == 400
    assert exchanges(fake) == 0
    page(browser.get(f"/{key}/callback", brought), 200)


@each
def test_a_cookie_of_ours_does_not_disturb_an_applications_attempt(key):
    browser = Client()
    begin(key, browser)
    brought = flows.begun(key)
    page(browser.get(f"/{key}/callback", brought), 200)
    assert flows.get_token(key, brought).status_code == 200
    assert "sessionid" not in browser.cookies


@each
def test_staff_do_not_enter_by_a_provider(key):
    flows.register(key, flows.token(key))
    User.objects.update(is_staff=True)
    browser = Client()
    page(browser.get(f"/{key}/callback", begin(key, browser)), 403)
    assert "sessionid" not in browser.cookies


@each
def test_an_inactive_account_does_not_enter(key):
    flows.register(key, flows.token(key))
    User.objects.update(is_active=False)
    browser = Client()
    page(browser.get(f"/{key}/callback", begin(key, browser)), 400)
    assert "sessionid" not in browser.cookies


@each
def test_an_owned_email_does_not_enter(key):
    flows.account(email="ivan@example.com")
    before = flows.state_of_the_house()[:2]
    browser = Client()
    page(browser.get(f"/{key}/callback", begin(key, browser)), 400)
    assert flows.state_of_the_house()[:2] == before
    assert "sessionid" not in browser.cookies


@each
def test_a_provider_that_falls_over_leaves_a_page(key, fake):
    for endpoint in ("token", "userinfo"):
        fake.people[key] = [Person(uid="1003")]
        fake.misbehave(key, endpoint, "500")
        browser = Client()
        page(browser.get(f"/{key}/callback", begin(key, browser)), 502)
        fake.misbehave(key, endpoint, "")
    assert User.objects.count() == 0
