"""`docs/nginx.conf` as it stands, in front of the server: what it drops, what it refuses, and what it writes down."""

import datetime
import json
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from authsite.tests.live import ROOT

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
HOST = "localhost"

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(NGINX is None, reason="no nginx on this machine (apt-get install nginx-light)"),
]


@dataclass(frozen=True)
class Proxy:
    """nginx on two ports, with its server behind it."""

    tls: int
    plain: int
    folder: Path
    trust: ssl.SSLContext

    def connect(self) -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", self.tls), timeout=30)
        return self.trust.wrap_socket(raw, server_hostname=HOST)

    def ask(self, *lines: str, body: str = "") -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the answer to a request of these very lines."""
        with self.connect() as connection:
            return asked(connection, *lines, body=body)

    def logs(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def requests(self) -> list[tuple[str, int]]:
        """Path and status of every request, as it writes them down."""
        written = map(json.loads, (self.folder / "authsite.log").read_text().splitlines())
        return [(line["path"], line["status"]) for line in written]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def asked(connection: socket.socket, *lines: str, body: str = "") -> tuple[int, dict[str, str], str]:
    head = [lines[0], f"Host: {HOST}", "Connection: close", *lines[1:]]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    connection.sendall("\r\n".join([*head, "", body]).encode())
    response = HTTPResponse(connection)
    response.begin()
    return response.status, {name.lower(): value for name, value in response.headers.items()}, response.read().decode()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of our own for `HOST`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    shown, hidden = folder / "certificate.pem", folder / "key.pem"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
    hidden.write_bytes(key.private_bytes(*encoding))
    return shown, hidden


@pytest.fixture(scope="module")
def server(serve_all):
    """One that every test leaves running."""
    return serve_all(
        REQUIRE_TLS="1", SECRET_KEY="k" * 60, TRUSTED_PROXIES="127.0.0.1/32", ALLOWED_HOSTS=f"{HOST},127.0.0.1"
    )


@pytest.fixture(scope="module")
def proxy(server, tmp_path_factory):
    assert NGINX
    folder = tmp_path_factory.mktemp("nginx")
    shown, hidden = certificate(folder)
    tls, plain = free_port(), free_port()
    text = (ROOT / "docs" / "nginx.conf").read_text()
    for old, new in {
        "127.0.0.1:8000": server.url.removeprefix("http://"),
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl": f"listen 127.0.0.1:{tls} ssl",
        "accounts.example.org; ": f"{HOST};",
        "/etc/ssl/accounts.example.org.pem": str(shown),
        "/etc/ssl/private/accounts.example.org.key": str(hidden),
        "/var/log/nginx/": f"{folder}/",
    }.items():
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if folder.owner() == "root" else ""
    main = folder / "main.conf"
    main.write_text(
        f"{user}worker_processes 1;\npid {folder}/pid;\nerror_log {folder}/main.error.log crit;\n"
        f"events {{ worker_connections 1024; }}\nhttp {{\n{temporary}{text}\n}}\n"
    )
    command = [NGINX, "-c", str(main), "-p", str(folder)]
    subprocess.run([*command, "-t", "-q"], check=True)
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", tls), timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield Proxy(tls, plain, folder, ssl.create_default_context(cafile=str(shown)))
    process.terminate()
    process.wait(timeout=30)


def registration(name: str) -> str:
    return f"/register?username={name}&password=Marker-secret1&contact={name}@example.org"


def sign_in(name: str) -> str:
    return f"/auth?username={name}&password=Marker-secret1"


def test_a_call_goes_through_and_no_query_is_written_down(proxy, server):
    before = proxy.requests()
    status, headers, body = proxy.ask(
        f"GET {registration('ivan')} HTTP/1.1", "Referer: https://x.example/?Marker-secret1"
    )
    assert (status, json.loads(body)["status"]) == (200, "Done")
    assert "max-age=31536000" in headers["strict-transport-security"]
    assert headers["server"] == "nginx"
    for line in (registration("ivan"), f"{sign_in('ivan')}-wrong", "/auth?" + "Marker-secret3" * 2_000):
        proxy.ask(f"GET {line} HTTP/1.1")
    server.kill9()
    status, headers, body = proxy.ask(f"GET {sign_in('ivan')} HTTP/1.1")
    server.start()
    assert (status, headers["retry-after"], list(json.loads(body))) == (503, "1", ["message"])
    assert "Marker-secret" not in proxy.logs() + server.log_text()
    assert proxy.requests()[len(before) :] == [
        ("/register", 200),
        ("/register", 409),
        ("/auth", 404),
        ("/.unreadable", 400),
        ("/auth", 503),
    ]


def test_what_the_caller_claims_about_its_address_ends_at_the_proxy(proxy, server):
    claims = ("X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9")
    line = f"GET {sign_in('nobody')} HTTP/1.1"
    assert proxy.ask(line, *claims, "X-Forwarded-Host: evil.example")[0] == 404
    assert proxy.ask(line, "X_Forwarded_For: 203.0.113.9")[0] == 404
    events = [json.loads(line) for line in server.manage("events", "--refused", "--json").splitlines()]
    assert {event["ip"] for event in events} == {"127.0.0.1"}


def test_a_header_with_underscores_is_dropped(proxy, server):
    token = server.manage("create_app", "https://site.example", "Site", "--super").split()[-1]
    proxy.ask(f"GET {registration('anna')} HTTP/1.1")
    signed_in = proxy.ask("POST /api/v0/tokens HTTP/1.1", body='{"login": "anna", "password": "Marker-secret1"}')
    bearer = f"Authorization: Bearer {json.loads(signed_in[2])['jwt']}"
    change = '{"first_name": "Пётр"}'
    for header, status in ((f"X_App_Token: {token}", 403), (f"x-app-token: {token}", 200)):
        assert proxy.ask("PATCH /api/v0/users HTTP/1.1", bearer, header, body=change)[0] == status


def test_two_lengths_of_one_body_are_refused(proxy):
    lines = ("Content-Length: 4", "Transfer-Encoding: chunked")
    assert proxy.ask("POST /auth HTTP/1.1", *lines, body="0\r\n\r\nGET /admin/ HTTP/1.1\r\n\r\n")[0] == 400


def test_a_body_beyond_every_limit_is_413_in_json(proxy):
    status, headers, body = proxy.ask("POST /auth HTTP/1.1", "Content-Length: 9000000")
    assert (status, headers["content-type"]) == (413, "application/json")
    assert list(json.loads(body)) == ["message"]


def test_two_hundred_slow_clients_hold_nobody_up(proxy):
    slow = [proxy.connect() for _ in range(190)]
    for connection in slow:
        connection.sendall(f"POST /auth HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\nuser".encode())
    started = time.monotonic()
    assert proxy.ask("GET /api/v0/tokens/validate HTTP/1.1")[0] == 401
    # They wait in the proxy, where they hold no thread of the server.
    assert time.monotonic() - started < 5
    for connection in slow:
        connection.close()


def test_plain_http_is_refused_for_calls_and_redirected_for_pages(proxy):
    def plain(line: str) -> tuple[int, dict[str, str], str]:
        with socket.create_connection(("127.0.0.1", proxy.plain), timeout=30) as connection:
            return asked(connection, line, "X-Forwarded-Proto: https")

    assert plain(f"GET {registration('pyotr')} HTTP/1.1")[0] == 403
    status, headers, _ = plain("GET /admin/ HTTP/1.1")
    assert (status, headers["location"]) == (301, f"https://{HOST}/admin/")
    assert proxy.ask(f"GET {sign_in('pyotr')} HTTP/1.1")[0] == 404
