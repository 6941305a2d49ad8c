"""A single-page application, in a real browser, on an origin of its own: what CORS lets it send and read."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error

pytestmark = pytest.mark.once

# What a front end written for the original service does: JSON out, tokens into cookies of its own, cookies back in.
CALL = """
async ([api, path, method, body, credentials]) => {
    const answer = await fetch(api + path, {
        method, credentials,
        headers: body ? {"Content-Type": "application/json", "Accept-Language": "en"} : {},
        body: body && JSON.stringify(body),
    });
    return {status: answer.status, body: await answer.json()};
}
"""
FORM = {"phone_number": "8 (999) 123-45-67", "email": "andrey@example.org", "hash_password": "5f4dcc3b5aa765d6"}


class FrontEnd(BaseHTTPRequestHandler):
    """An empty page: the test is its script."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>front end</title>")

    def log_message(self, *_args):
        pass


@contextmanager
def front_end():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FrontEnd)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def origin():
    with front_end() as address:
        yield address


@pytest.fixture(scope="module")
def configured(serve_all, origin):
    """A server that knows the front end."""
    return serve_all(CORS_ALLOWED_ORIGINS=origin)


@pytest.fixture
def call(page, origin):
    """A call of the front end to `server`. Cookies know hosts and no ports, so that both share them, as in a domain."""
    page.goto(origin)

    def ask(server, path, method="GET", body=None, credentials="include"):
        return page.evaluate(CALL, [server.url, path, method, body, credentials])

    return ask


def set_cookie(page, name, value):
    page.evaluate("([name, value]) => { document.cookie = `${name}=${value}; path=/` }", [name, value])


def test_a_configured_front_end_registers_signs_in_and_stays_signed_in(call, page, configured):
    server = configured
    assert call(server, "/authorization/registration", "POST", FORM)["status"] == 200
    again = call(server, "/authorization/registration", "POST", FORM)
    assert again == {"status": 409, "body": {"message": "This e-mail address is already registered."}}
    login = call(server, "/authorization/login/email", "POST", FORM)
    assert login["status"] == 200
    wrong = {**FORM, "hash_password": "wrong"}
    assert call(server, "/authorization/login/phone/number", "POST", wrong)["status"] == 401

    assert call(server, "/validate/jwt/access")["status"] == 422
    set_cookie(page, "access", login["body"]["access"])
    set_cookie(page, "refresh", login["body"]["refresh"])
    assert call(server, "/validate/jwt/access") == {"status": 200, "body": True}
    refreshed = call(server, "/validate/jwt/refresh")["body"]
    assert refreshed["email"] == FORM["email"]
    set_cookie(page, "access", refreshed["access"])
    assert call(server, "/validate/jwt/access")["body"] is True

    ended = call(server, f"/control/tokens?id={FORM['email']}&token={refreshed['access']}", "DELETE")
    assert ended == {"status": 200, "body": {"status": "Done", "count": 2}}
    assert call(server, "/validate/jwt/access")["body"] is False
    assert call(server, "/validate/jwt/refresh")["body"] is False
    assert {cookie["name"] for cookie in page.context.cookies()} == {"access", "refresh"}


def test_unconfigured_a_front_end_on_this_machine_works_without_credentials_only(call, server):
    made = call(server, "/authorization/registration", "POST", FORM, credentials="omit")
    assert made["status"] == 200
    access = made["body"]["access"]
    assert call(server, f"/validate/jwt/access?access={access}", credentials="omit")["body"] is True
    with pytest.raises(Error, match="Failed to fetch"):
        call(server, f"/validate/jwt/access?access={access}", credentials="include")


def test_a_front_end_that_is_not_configured_reads_nothing_and_makes_nothing(call, page, configured):
    form = {**FORM, "phone_number": "8 (999) 123-45-68", "email": "boris@example.org"}
    with front_end() as another:
        page.goto(another)
        for credentials in ("omit", "include"):
            with pytest.raises(Error, match="Failed to fetch"):
                call(configured, "/authorization/registration", "POST", form, credentials=credentials)
    # Asked past CORS, as curl would: the browser has not sent it.
    assert page.request.post(f"{configured.url}/authorization/login/email", data=form).status == 401
