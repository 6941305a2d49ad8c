"""A single-page application, in a real browser, on an origin of its own: what CORS lets it send and read."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error, sync_playwright

from accounts.models import User

CHROMIUM = "/usr/bin/chromium"
# What a front end written for the original service does: JSON out, tokens into cookies of its own, cookies back in.
CALL = """
async ([api, path, method, body, credentials]) => {
    const answer = await fetch(api + path, {
        method, credentials,
        headers: body ? {"Content-Type": "application/json", "Accept-Language": "ru"} : {},
        body: body && JSON.stringify(body),
    });
    return {status: answer.status, body: await answer.json()};
}
"""
FORM = {"phone_number": "8 (999) 123-45-67", "email": "andrey@example.org", "hash_password": "5f4dcc3b5aa765d6"}

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class FrontEnd(BaseHTTPRequestHandler):
    """An empty page: the test is its script."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>front end</title>")

    def log_message(self, *_args):
        pass


@pytest.fixture
def origin():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FrontEnd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    # Playwright's loop runs in this thread, where Django would else refuse to ask the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def call(browser, origin, live_server):
    page = browser.new_page()
    page.goto(origin)
    # Cookies know hosts and no ports: front end and server share the host as they would share a domain.
    api = live_server.url.replace("localhost", "127.0.0.1")

    def ask(path, method="GET", body=None, credentials="include"):
        return page.evaluate(CALL, [api, path, method, body, credentials])

    ask.page = page
    yield ask
    page.close()


def set_cookie(call, name, value):
    call.page.evaluate("([name, value]) => { document.cookie = `${name}=${value}; path=/` }", [name, value])


def test_a_configured_front_end_registers_signs_in_and_stays_signed_in(call, origin, settings):
    settings.CORS_ALLOWED_ORIGINS, settings.CORS_ALLOW_CREDENTIALS = [origin], True
    settings.CORS_ALLOWED_ORIGIN_REGEXES = []
    made = call("/authorization/registration", "POST", FORM)
    assert made["status"] == 200
    again = call("/authorization/registration", "POST", FORM)
    assert again["status"] == 409
    assert list(again["body"]) == ["message"]
    login = call("/authorization/login/email", "POST", FORM)
    assert login["status"] == 200
    assert call("/authorization/login/phone/number", "POST", {**FORM, "hash_password": "wrong"})["status"] == 401

    assert call("/validate/jwt/access")["status"] == 422
    set_cookie(call, "access", login["body"]["access"])
    set_cookie(call, "refresh", login["body"]["refresh"])
    assert call("/validate/jwt/access") == {"status": 200, "body": True}
    refreshed = call("/validate/jwt/refresh")["body"]
    assert refreshed["email"] == FORM["email"]
    set_cookie(call, "access", refreshed["access"])
    assert call("/validate/jwt/access")["body"] is True

    User.objects.update(is_active=False)
    assert call("/validate/jwt/access")["body"] is False
    assert call("/validate/jwt/refresh")["body"] is False
    assert {cookie["name"] for cookie in call.page.context.cookies()} == {"access", "refresh"}


def test_unconfigured_a_front_end_on_this_machine_works_without_credentials_only(call):
    made = call("/authorization/registration", "POST", FORM, credentials="omit")
    assert made["status"] == 200
    access = made["body"]["access"]
    assert call(f"/validate/jwt/access?access={access}", credentials="omit")["body"] is True
    with pytest.raises(Error, match="Failed to fetch"):
        call(f"/validate/jwt/access?access={access}", credentials="include")


def test_a_front_end_that_is_not_configured_reads_nothing_and_makes_nothing(call, settings):
    settings.CORS_ALLOWED_ORIGINS, settings.CORS_ALLOW_CREDENTIALS = ["https://app.example.org"], True
    settings.CORS_ALLOWED_ORIGIN_REGEXES = []
    for credentials in ("omit", "include"):
        with pytest.raises(Error, match="Failed to fetch"):
            call("/authorization/registration", "POST", FORM, credentials=credentials)
    assert not User.objects.exists()
