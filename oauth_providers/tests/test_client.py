"""The bounds of one exchange with a provider, over real sockets."""

import datetime
import logging
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oauth_providers import client, fake
from oauth_providers.errors import ProviderNonsense, ProviderRefusal, ProviderUnreachable

pytestmark = pytest.mark.once

SECRET = "marker-of-a-secret"


def ask(providers: fake.FakeProviders, **options) -> client.Answer:
    address = f"{providers.address}/yandex/userinfo"
    return client.send(address, headers={"Authorization": f"OAuth {SECRET}"}, query={"token": SECRET}, **options)


def test_an_answer_is_read(fake):
    token = fake.token("yandex")
    answer = client.send(
        f"{fake.address}/yandex/userinfo", headers={"Authorization": f"OAuth {token}"}, query={"format": "json"}
    )
    assert answer.status == 200
    assert answer.json()["id"] == "1001"
    assert fake.calls == [("yandex", "userinfo", {"format": "json"})]


@pytest.mark.parametrize(
    ("how", "failure"),
    [
        ("hang-up", ProviderUnreachable),
        ("500", ProviderUnreachable),
        ("302", ProviderNonsense),
        ("307", ProviderNonsense),
        ("big", ProviderNonsense),
        ("400", ProviderRefusal),
    ],
)
def test_a_useless_answer_is_an_error_of_ours(fake, caplog, how, failure):
    fake.misbehave("yandex", "userinfo", how)
    with caplog.at_level(logging.DEBUG), pytest.raises(failure) as caught:
        ask(fake)
    assert len(fake.calls) == 1, "one try, no redirect followed"
    assert SECRET not in caplog.text
    assert SECRET not in f"{caught.value!r}{caught.value}"
    assert caught.value.__context__ is None, "no chain that leads to a header or an address"


@pytest.mark.parametrize("how", ["html", "list", "deep", "nan"])
def test_what_is_not_a_json_object_is_nonsense(fake, how):
    fake.misbehave("yandex", "userinfo", how)
    answer = ask(fake)
    with pytest.raises(ProviderNonsense) as caught:
        answer.json()
    assert caught.value.__context__ is None


@pytest.mark.parametrize("how", ["stall", "drip", "drip-headers"])
def test_a_slow_answer_ends_by_the_wall_clock(fake, settings, how):
    settings.OAUTH_PROVIDERS_CALL_SECONDS = 1.0
    fake.misbehave("yandex", "userinfo", how)
    started = time.monotonic()
    with pytest.raises(ProviderUnreachable):
        ask(fake)
    assert 0.9 < time.monotonic() - started < 3.0


def test_a_host_that_does_not_accept_ends_by_the_time_to_connect(settings):
    settings.OAUTH_PROVIDERS_CONNECT_SECONDS = 0.5
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        port = busy.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            # The backlog is full from here on, so that a further connection hangs.
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        started = time.monotonic()
        with pytest.raises(ProviderUnreachable):
            client.send(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - started < 3.0
        for each in waiting:
            each.close()


def test_a_name_that_is_not_resolved_in_time_ends_the_call(settings, monkeypatch):
    settings.OAUTH_PROVIDERS_CONNECT_SECONDS = 0.3
    released = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: released.wait(5))
    started = time.monotonic()
    with pytest.raises(ProviderUnreachable):
        client.send("https://provider.example/token")
    assert time.monotonic() - started < 3.0
    released.set()


def test_a_closed_port_is_unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ProviderUnreachable):
        client.send(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "address", ["http://192.0.2.1/token", "http://localhost.example/", "ftp://127.0.0.1/", "token"]
)
def test_without_tls_only_loopback_is_spoken_to(address, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("asked for an address"))
    with pytest.raises(ProviderNonsense):
        client.send(address)


def test_a_certificate_nobody_signed_is_refused_before_anything_is_sent(tmp_path):
    received = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_self_signed(tmp_path))

        def serve() -> None:
            connection, _ = listener.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    received.append(secured.recv(100))
            except OSError:
                pass

        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(ProviderUnreachable):
            client.send(f"https://127.0.0.1:{listener.getsockname()[1]}/", query={"token": SECRET})
        server.join(5)
    assert b"".join(received) == b""


def test_a_stalled_provider_holds_a_bounded_number_of_threads(fake, settings):
    settings.OAUTH_PROVIDERS_CALL_SECONDS = 2.0
    settings.OAUTH_PROVIDERS_CALLS_AT_ONCE = 3
    fake.misbehave("yandex", "userinfo", "stall")

    def stuck() -> None:
        with pytest.raises(ProviderUnreachable):
            ask(fake)

    threads = [threading.Thread(target=stuck) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(fake.calls) < 2:
        time.sleep(0.01)
    started = time.monotonic()
    with pytest.raises(ProviderUnreachable):
        ask(fake)
    assert time.monotonic() - started < 0.2
    for thread in threads:
        thread.join()
    fake.misbehave("yandex", "userinfo", "")
    with pytest.raises(ProviderRefusal):
        ask(fake)


def _self_signed(folder) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return str(path)
