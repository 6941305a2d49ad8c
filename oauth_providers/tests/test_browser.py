"""The whole way in a real browser, against a real server: consent, callback, and a front end that goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page

from authsite.tests.live import Server
from oauth_providers import conf
from oauth_providers.fake import FakeProviders, Person
from oauth_providers.tests.flows import ALL

# What a single-page application does after it is sent back to: the three calls of seed 002, across origins.
SPA = """<!doctype html><html lang="en"><meta charset="utf-8"><title>SPA</title><pre id="out">…</pre><script>
const [api, key] = ["%s", "%s"];
const asked = new URLSearchParams(location.search);
const call = async (path, query) => (await fetch(`${api}/${key}/${path}?${new URLSearchParams(query)}`)).json();
(async () => {
  const tokens = await call("get/token", Object.fromEntries(asked));
  const registered = await call("registration", {access_token: tokens.access_token});
  const signedIn = await call("login", {access_token: tokens.access_token});
  const works = await (await fetch(`${api}/validate/jwt/access?access=${signedIn.access}`)).json();
  document.querySelector("#out").textContent = JSON.stringify({
    tokens: Object.keys(tokens), registered: Object.keys(registered), works});
  document.title = "done";
})().catch(error => { document.title = "failed"; document.querySelector("#out").textContent = error; });
</script></html>"""


@pytest.fixture(autouse=True)
def _two_people_who_are_asked(fake: FakeProviders) -> None:
    fake.consent = "ask"
    for people in fake.people.values():
        people.append(Person(uid="1002", email="maria@example.com", first_name="Мария", last_name="Иванова"))


@pytest.fixture(scope="module")
def site(serve_all: Callable[..., Server], _providers: FakeProviders) -> Callable[..., Server]:
    """What starts a server that knows the fake providers."""
    environment = {
        f"OAUTH_{prefix}_{name}": value
        for key, prefix in conf.PREFIXES.items()
        for name, value in _providers.settings(key).items()
    }
    return lambda **more: serve_all(**environment, **more)


@pytest.fixture(scope="module")
def server(site: Callable[..., Server]) -> Server:
    """One that every test leaves running."""
    return site()


@pytest.fixture
def browser(page: Page) -> Iterator[Page]:
    """The page; it fails the test for a violated content policy or a request to another machine."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.extend([message.text] if "Content Sec" in message.text else []))
    page.on("request", lambda asked: complaints.extend([asked.url] if foreign(asked.url) else []))
    yield page
    assert complaints == []


def foreign(address: str) -> bool:
    """Whether an address is of another machine."""
    return urlsplit(address).hostname != "127.0.0.1"


def link(server: Server, key: str) -> str:
    address: str = requests.get(f"{server.url}/{key}/link", timeout=10).json()
    return address


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def test_the_way_by_our_own_callback(browser: Page, server: Server) -> None:
    secrets: list[str] = []
    for key in ALL:
        browser.goto(link(server, key))
        browser.get_by_role("button", name="Иван Петров").click()
        browser.wait_for_url(f"{server.url}/{key}/callback**")
        assert "has confirmed who you are" in heading(browser)
        brought = {"code": browser.locator("#code").inner_text()}
        if key == "vk":
            brought["device_id"] = browser.locator("#device_id").inner_text()
        tokens = requests.get(f"{server.url}/{key}/get/token", brought, timeout=10).json()
        told = requests.get(
            f"{server.url}/{key}/registration", {"access_token": tokens["access_token"]}, timeout=10
        ).json()
        # One person at three providers: the e-mail belongs to the first account, and links nothing by itself.
        assert set(told) == ({"access", "refresh"} if key == "vk" else {"message"})
        secrets += [*brought.values(), browser.locator("#state").inner_text(), *tokens.values()]
        browser.reload()
        assert "did not work" in heading(browser), "the state is spent"
    log = server.log_text()
    assert [secret for secret in secrets if str(secret) in log and secret != 3600] == []


def test_a_front_end_on_another_origin_finishes_the_sign_in(browser: Page, site: Callable[..., Server]) -> None:
    with FrontEnd() as front_end:
        server = site(OAUTH_VK_FRONTEND_URL=front_end.url)
        front_end.say(SPA % (server.url, "vk"))
        browser.goto(link(server, "vk"))
        browser.get_by_role("button", name="Мария Иванова").click()
        browser.wait_for_url(f"{front_end.url}?code=**")
        browser.wait_for_function("document.title != 'SPA'")
        assert browser.locator("#out").inner_text() == (
            '{"tokens":["access_token","refresh_token","expire_in"],"registered":["access","refresh"],"works":true}'
        )


def test_who_declines_reads_why_in_their_language(browser: Page, server: Server) -> None:
    browser.set_extra_http_headers({"Accept-Language": "ru"})
    browser.goto(link(server, "vk"))
    browser.get_by_role("button", name="Отказаться").click()
    browser.wait_for_url(f"{server.url}/vk/callback**")
    assert heading(browser) == "VK ID не подтвердил вход"
    assert browser.locator("html").get_attribute("lang") == "ru"


def test_our_own_page_signs_the_browser_in(browser: Page, server: Server) -> None:
    browser.goto(f"{server.url}/yandex/enter")
    assert browser.context.cookies(f"{server.url}/yandex/callback")[0]["httpOnly"]
    answer = browser.request.post(browser.url, form={"person": "1"}, max_redirects=0)
    end_of_the_attempt = answer.headers["location"]
    # Opened in somebody else's browser, it signs nobody in.
    stranger = requests.get(end_of_the_attempt, timeout=10)
    assert (stranger.status_code, list(stranger.cookies)) == (400, [])
    browser.goto(end_of_the_attempt)
    assert heading(browser) == "You are signed in"
    assert "sessionid" in {cookie["name"] for cookie in browser.context.cookies()}


def test_a_stalled_provider_disturbs_nobody_else(server: Server, fake: FakeProviders) -> None:
    """S47: everybody asks a provider that says nothing; each is answered within 6 s, and others at once."""
    fake.misbehave("yandex", "userinfo", "stall")

    def sign_in(_number: int) -> tuple[int, float]:
        began = time.monotonic()
        answer = requests.get(f"{server.url}/yandex/login", {"access_token": "any"}, timeout=30)
        return answer.status_code, time.monotonic() - began

    with ThreadPoolExecutor(20) as pool:
        stalled = pool.map(sign_in, range(20))
        time.sleep(0.5)
        began = time.monotonic()
        for _ in range(20):
            assert requests.get(f"{server.url}/account/login/check", {"login": "ivan_1"}, timeout=30).ok
        assert time.monotonic() - began < 3, "twenty answers while all that stalls is stalling"
        for status, seconds in stalled:
            assert status == 502
            assert seconds < 6


class FrontEnd:
    """One page on a loopback port of its own: the front end of somebody else."""

    def __init__(self) -> None:
        self._text = b""
        front_end = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(front_end._text)))
                self.end_headers()
                self.wfile.write(front_end._text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def say(self, text: str) -> None:
        """Serve `text` from now on."""
        self._text = text.encode()

    def __enter__(self) -> "FrontEnd":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
