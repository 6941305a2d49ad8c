"""VK ID, Mail.ru and Yandex on loopback, for tests and demonstrations: one small server that speaks as they document.

It keeps what the true ones keep: a code works once, for the client, redirect address and (VK) verifier and device it
was made for; secrets are checked; a token opens only user info. And it misbehaves when told to, see MISCHIEF.
"""

import base64
import hashlib
import html
import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlencode, urlsplit

PROVIDERS = ("vk", "mail.ru", "yandex")
ENDPOINTS = ("authorize", "token", "userinfo")
MISCHIEF = {
    "stall": "accepts the request and says nothing",
    "drip": "sends its answer a byte at a time, for ever",
    "drip-headers": "sends its headers a byte at a time, for ever",
    "hang-up": "closes the connection without an answer",
    "302": "redirects to another address of this machine",
    "307": "redirects to another address of this machine, the body too",
    "400": "refuses",
    "500": "answers 500",
    "big": "answers ten megabytes",
    "html": "answers a page instead of JSON",
    "list": "answers a JSON list",
    "deep": "answers 60 000 opening brackets",
    "nan": "answers a number that JSON does not have",
    "error": "answers 200 with an error inside",
    "no-token": "answers the exchange without a token",
    "other-state": "answers the exchange with another state (VK ID)",
}


@dataclass
class Person:
    """Somebody with an account at a provider. What is set goes into answers as it is; ABSENT leaves it out."""

    uid: Any = "1001"
    email: Any = "ivan@example.com"
    first_name: str = "Иван"
    last_name: str = "Петров"


ABSENT = object()


@dataclass
class Client:
    """An application registered with a provider."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass
class Grant:
    """What a code or a token stands for."""

    provider: str
    client_id: str
    person: Person
    redirect_uri: str = ""
    challenge: str = ""
    device_id: str = ""


class FakeProviders:
    """The three providers, served by threads on one loopback port. Use it as a context, or `start` and `stop` it."""

    def __init__(self, *, port: int = 0, consent: str = "ask") -> None:
        """`consent`: "ask" shows a page with buttons; "give" and "refuse" redirect at once. Port 0 takes a free one."""
        self.reset(consent=consent)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"providers": self}))
        self._server.daemon_threads = True

    def reset(self, *, consent: str = "ask") -> None:
        """Forget every code, token, call and mischief: as new, at the same address."""
        self.consent = consent
        self.people = {provider: [Person()] for provider in PROVIDERS}
        self.clients = {
            provider: [Client(f"{provider}-ours", f"{provider}-secret"), Client(f"{provider}-theirs", "their-secret")]
            for provider in PROVIDERS
        }
        self.mischief: dict[tuple[str, str], str] = {}
        # What was asked, as (provider, endpoint, arguments), newest last: tests count calls by it.
        self.calls: list[tuple[str, str, dict[str, str]]] = []
        self.names_client = True
        self.gives_refresh_token = True
        self.echoes_state = True
        self.expires_in: Any = 3600
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def settings(self, provider: str) -> dict[str, str]:
        """Return the settings, without their prefix, that make an authsite use `provider` of this server."""
        ours = self.clients[provider][0]
        return {
            "CLIENT_ID": ours.client_id,
            "CLIENT_SECRET": ours.client_secret,
            "AUTHORIZE_URL": f"{self.address}/{provider}/authorize",
            "TOKEN_URL": f"{self.address}/{provider}/token",
            "USERINFO_URL": f"{self.address}/{provider}/userinfo",
        }

    def start(self) -> Self:
        threading.Thread(target=self.serve, name="fake-provider", daemon=True).start()
        return self

    def serve(self) -> None:
        """Answer until `stop` is called from another thread."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def misbehave(self, provider: str, endpoint: str, how: str) -> None:
        """From now on `endpoint` of `provider` misbehaves as MISCHIEF says; "" makes it good again."""
        if how and how not in MISCHIEF:
            raise ValueError(how)
        self.mischief[provider, endpoint] = how

    def token(self, provider: str, *, client: int = 0, person: Person | None = None) -> str:
        """Issue a token past the pages: `client` 0 is ours, 1 another application's."""
        grant = Grant(provider, self.clients[provider][client].client_id, person or self.people[provider][0])
        with self._lock:
            token = f"{provider}-token-{secrets.token_urlsafe(24)}"
            self._tokens[token] = grant
        return token

    def wait(self, seconds: float) -> bool:
        """Wait, but not longer than this server lives; return whether it is stopping."""
        return self._stopping.wait(seconds)

    # The protocol, one method an endpoint: arguments in, (status, answer) or an address out.

    def consented(self, provider: str, asked: dict[str, str], number: int) -> str:
        """Return the redirect address with a new code for person `number`."""
        code, device_id = (secrets.token_urlsafe(24), secrets.token_urlsafe(24) if provider == "vk" else "")
        grant = Grant(
            provider,
            asked["client_id"],
            self.people[provider][number],
            redirect_uri=asked.get("redirect_uri", ""),
            challenge=asked.get("code_challenge", ""),
            device_id=device_id,
        )
        with self._lock:
            self._codes[code] = grant
        answer = {"code": code, "state": asked.get("state", "")}
        if device_id:
            answer |= {"device_id": device_id, "type": "code_v2", "expires_in": "600"}
        return _with_query(asked["redirect_uri"], answer)

    def refused(self, asked: dict[str, str]) -> str:
        """Return the redirect address that says the person does not want to."""
        answer = {
            "error": "access_denied",
            "error_description": "The user denied access.",
            "state": asked.get("state", ""),
        }
        return _with_query(asked["redirect_uri"], answer)

    def exchanged(self, provider: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a code's exchange. The code is spent by its first presentation, right or wrong."""
        with self._lock:
            grant = self._codes.pop(form.get("code", ""), None)
        client = next((each for each in self.clients[provider] if each.client_id == form.get("client_id")), None)
        if client is None or (provider != "vk" and client.client_secret != form.get("client_secret")):
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") != "authorization_code":
            return 400, {"error": "unsupported_grant_type"}
        good = (
            grant is not None
            and grant.provider == provider
            and grant.client_id == client.client_id
            and grant.redirect_uri == form.get("redirect_uri", "")
            and grant.device_id == form.get("device_id", "")
            and grant.challenge == (_challenge(form.get("code_verifier", "")) if provider == "vk" else "")
        )
        if grant is None or not good:
            return 400, {"error": "invalid_grant", "error_description": f"code {form.get('code')} is bad"}
        answer: dict[str, Any] = {
            "access_token": self._issue(grant),
            "token_type": "bearer",
            "expires_in": self.expires_in,
        }
        if self.gives_refresh_token:
            answer["refresh_token"] = f"{provider}-refresh-{secrets.token_urlsafe(24)}"
        if provider == "vk":
            answer |= {"user_id": grant.person.uid, "scope": "email"}
            if self.echoes_state:
                answer["state"] = form.get("state", "")
        return 200, answer

    def told(self, provider: str, token: str, client_id: str) -> tuple[int, dict[str, Any]]:
        """Answer who a token is for."""
        grant = self._tokens.get(token)
        if grant is None or grant.provider != provider or (provider == "vk" and client_id != grant.client_id):
            refusal = {"error": "invalid_token", "error_description": f"token {token} is bad"}
            # Mail.ru says so with 200.
            return (200 if provider == "mail.ru" else 401), refusal
        person = grant.person
        facts = {"first_name": person.first_name, "last_name": person.last_name}
        if provider == "vk":
            return 200, {"user": _only({"user_id": person.uid, "email": person.email, **facts})}
        if provider == "mail.ru":
            name = f"{person.first_name} {person.last_name}"
            return 200, _only({"id": person.uid, "email": person.email, "name": name, "nickname": name, **facts})
        named = grant.client_id if self.names_client else ABSENT
        login = {"login": "ivan", "default_email": person.email, "client_id": named}
        return 200, _only({"id": person.uid, "psuid": "1.AAc", **login, **facts})

    def _issue(self, grant: Grant) -> str:
        with self._lock:
            token = f"{grant.provider}-token-{secrets.token_urlsafe(24)}"
            self._tokens[token] = grant
        return token


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, finds the provider and endpoint in its path, lets FakeProviders answer."""

    providers: FakeProviders
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._answer(_flat(self.rfile.read(length).decode()))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the request line holds codes and tokens."""

    def _answer(self, form: dict[str, str]) -> None:
        address = urlsplit(self.path)
        provider, _, endpoint = address.path.strip("/").partition("/")
        if provider not in PROVIDERS or endpoint not in ENDPOINTS:
            return self._send(404, b"no such page")
        query = _flat(address.query)
        self.providers.calls.append((provider, endpoint, {**query, **form}))
        how = self.providers.mischief.get((provider, endpoint))
        if how and self._misbehaved(how):
            return None
        if endpoint == "authorize":
            return self._authorize(provider, query, form)
        if endpoint == "token":
            status, answer = self.providers.exchanged(provider, form)
        else:
            token = form.get("access_token") or query.get("access_token") or ""
            token = token or (self.headers.get("Authorization") or "").removeprefix("OAuth ")
            status, answer = self.providers.told(provider, token, form.get("client_id", ""))
        if how == "no-token":
            answer.pop("access_token", None)
        if how == "other-state":
            answer["state"] = "another"
        return self._send(status, json.dumps(answer).encode(), "application/json")

    def _authorize(self, provider: str, query: dict[str, str], form: dict[str, str]) -> None:
        """Show the page of consent, or act on it; a wrong client is told here, not sent on (RFC 6749 4.1.2.1)."""
        known = {client.client_id for client in self.providers.clients[provider]}
        if query.get("client_id") not in known or query.get("response_type") != "code" or "redirect_uri" not in query:
            return self._send(400, b"bad client_id, response_type or redirect_uri")
        if provider == "vk" and (query.get("code_challenge_method") != "s256" or not query.get("code_challenge")):
            return self._send(400, b"VK ID wants a code_challenge by s256")
        choice = form.get("person") or {"give": "0", "refuse": "no"}.get(self.providers.consent)
        if choice is None:
            return self._send(200, self._page(provider).encode(), "text/html; charset=utf-8")
        target = (
            self.providers.refused(query) if choice == "no" else self.providers.consented(provider, query, int(choice))
        )
        return self._send(302, b"", headers={"Location": target})

    def _page(self, provider: str) -> str:
        buttons = "".join(
            f'<p><button name="person" value="{number}">{html.escape(f"{person.first_name} {person.last_name}")}'
            f"{f' &lt;{html.escape(str(person.email))}&gt;' if person.email is not ABSENT else ''}</button></p>"
            for number, person in enumerate(self.providers.people[provider])
        )
        return (
            f'<!doctype html><html lang="ru"><meta charset="utf-8"><title>{provider}</title>'
            f"<h1>{provider}: войти как</h1><p>Ненастоящий провайдер для показа и проверки.</p>"
            f'<form method="post">{buttons}<p><button name="person" value="no">Отказаться</button></p></form></html>'
        )

    def _misbehaved(self, how: str) -> bool:
        """Misbehave; return False where the answer is only changed afterwards."""
        json_type = "application/json"
        elsewhere = {"Location": f"{self.providers.address}/yandex/userinfo"}
        match how:
            case "stall":
                self.providers.wait(30)
                self.close_connection = True
            case "drip":
                self._start(200, {"Content-Type": json_type, "Content-Length": "100000"})
                self._drip(b" ")
            case "drip-headers":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                self._drip(b"x")
            case "hang-up":
                self.close_connection = True
            case "302" | "307":
                self._send(int(how), b"", headers=elsewhere)
            case "400":
                self._send(400, b'{"error": "invalid_request"}', json_type)
            case "500":
                self._send(500, b"<h1>Internal Server Error</h1>")
            case "big":
                self._send(200, b'{"id": "' + b"1" * 10_000_000 + b'"}', json_type)
            case "html":
                self._send(200, b"<html>hello</html>")
            case "list":
                self._send(200, b'[{"id": "1001"}]', json_type)
            case "deep":
                self._send(200, b"[" * 60_000, json_type)
            case "nan":
                self._send(200, b'{"id": NaN}', json_type)
            case "error":
                self._send(200, b'{"error": "invalid_request", "error_description": "no"}', json_type)
            case _:
                return False
        return True

    def _drip(self, byte: bytes) -> None:
        try:
            while not self.providers.wait(0.2):
                self.wfile.write(byte)
                self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(
        self, status: int, body: bytes, content_type: str = "text/plain", headers: dict[str, str] | None = None
    ) -> None:
        common = {"Content-Type": content_type, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        try:
            self._start(status, {**common, **(headers or {})})
            self.wfile.write(body)
        except OSError:
            # The client has had enough, of ten megabytes for instance.
            self.close_connection = True


def _flat(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


def _only(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not ABSENT}


def _with_query(address: str, arguments: dict[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(arguments, quote_via=quote)}"


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
