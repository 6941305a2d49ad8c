"""The one module of the house that opens outgoing sockets: one bounded HTTP exchange with a provider.

A provider may lie, stall or fall over. `send` ends within `conf.call_seconds()` by the wall clock, name resolution,
TLS handshake and a body that drips byte by byte included; it follows no redirect, reads at most `conf.answer_bytes()`,
verifies certificates and tries once. `requests` has none of these limits, hence `http.client` and a deadline.

What is passed in (codes, tokens, secrets) is never part of an exception's text: failures are raised outside the handler
that met them, so not even the chain of exceptions holds an address or a header.
"""

import contextlib
import functools
import http.client
import io
import ipaddress
import json
import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast
from urllib.parse import urlencode, urlsplit

from django.views.decorators.debug import sensitive_variables

from accounts.errors import DomainError
from oauth_providers import conf
from oauth_providers.errors import ProviderNonsense, ProviderRefusal, ProviderUnreachable, TooManyCalls

logger = logging.getLogger(__name__)

_resolver = futures.ThreadPoolExecutor(max_workers=4, thread_name_prefix="oauth-resolve")


@dataclass(frozen=True)
class Answer:
    """A provider's 2xx answer: its status and the bytes of its body."""

    status: int
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raise ProviderNonsense for anything else."""
        value = None
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(self.body.decode(), parse_constant=_refuse_constant)
        if not isinstance(value, dict):
            raise ProviderNonsense
        return value


@sensitive_variables()
def send(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request to `url`, an address from the settings, and return the provider's 2xx answer.

    Raises ProviderUnreachable (no connection, certificate or answer in time, 5xx), its kind TooManyCalls before
    anything is sent, ProviderNonsense (a redirect, a body over the limit, broken HTTP), ProviderRefusal (the provider's
    own 4xx).
    """
    address = urlsplit(url)
    if not _under_way.begin(address.netloc):
        logger.warning("provider call refused: too many under way host=%s", address.hostname)
        raise TooManyCalls
    failure: type[DomainError] = ProviderUnreachable
    answer = None
    try:
        answer = _converse(address, method=method, headers=headers or {}, query=query, form=form)
    except OSError as error:
        reason = type(error).__name__
    except (http.client.HTTPException, ValueError) as error:
        failure, reason = ProviderNonsense, type(error).__name__
    finally:
        _under_way.end(address.netloc)
    if answer is None:
        logger.warning("provider call failed: %s host=%s", reason, address.hostname)
        raise failure
    return _judged(answer, host=address.hostname)


@sensitive_variables()
def _converse(address: Any, *, method: str, headers: Mapping[str, str], query: Any, form: Any) -> Answer:
    """The answer to one request, read to one byte over the limit. Raises OSError, HTTPException, ValueError."""
    deadline = time.monotonic() + conf.call_seconds()
    path = address.path or "/"
    pairs = "&".join(part for part in (address.query, urlencode(query or {})) if part)
    target = f"{path}?{pairs}" if pairs else path
    sent = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "authsite",
        "Connection": "close",
    }
    body = None
    if form is not None:
        body = urlencode(form).encode()
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection.sock = _connected(address, deadline=deadline)
    connection.response_class = functools.partial(_response, deadline)  # type: ignore[assignment]
    try:
        connection.sock.settimeout(_left(deadline))
        connection.request(method, target, body=body, headers={**sent, **headers})
        response = connection.getresponse()
        try:
            # Only an answer that can be used is worth reading.
            content = response.read(conf.answer_bytes() + 1) if 200 <= response.status < 300 else b""
        finally:
            response.close()
    finally:
        connection.close()
    return Answer(status=response.status, body=content)


def _connected(address: Any, *, deadline: float) -> socket.socket:
    """Return a connected socket, over TLS unless the host is loopback; name, TCP in `conf.connect_seconds()`."""
    host = address.hostname or ""
    if address.scheme != "https" and not (address.scheme == "http" and is_loopback(host)):
        raise ValueError
    port = address.port or (443 if address.scheme == "https" else 80)
    connect_by = time.monotonic() + conf.connect_seconds()
    # getaddrinfo knows no timeout, so it runs in a thread that is left behind when it is late.
    resolving = _resolver.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = resolving.result(timeout=_left(connect_by))
    except futures.TimeoutError:
        resolving.cancel()
        raise TimeoutError from None
    sock = _first_to_answer(found, connect_by=connect_by)
    if address.scheme == "http":
        return sock
    try:
        sock.settimeout(_left(deadline))
        return _tls().wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


@functools.cache
def _tls() -> ssl.SSLContext:
    """The system's certificates, with names checked; read once, since reading them takes longer than a handshake."""
    return ssl.create_default_context()


def _first_to_answer(found: list[Any], *, connect_by: float) -> socket.socket:
    """Try the addresses in turn; all of them together have until `connect_by`."""
    last: OSError = OSError("no address")
    for family, kind, protocol, _name, where in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(connect_by))
            sock.connect(where)
            return sock
        except OSError as error:
            sock.close()
            last = error
    raise last


def _judged(answer: Answer, *, host: str | None) -> Answer:
    """Return a usable 2xx answer; turn every other status, and a body over the limit, into its error."""
    if answer.status >= 500:
        failure: type[DomainError] = ProviderUnreachable
    elif answer.status >= 400:
        failure = ProviderRefusal
    elif not 200 <= answer.status < 300 or len(answer.body) > conf.answer_bytes():
        failure = ProviderNonsense
    else:
        return answer
    logger.warning("provider call failed: status=%d host=%s", answer.status, host)
    raise failure


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine by its spelling alone; only then may a provider be spoken to without TLS."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _response(deadline: float, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
    """What http.client reads an answer with, bounded by `deadline`."""
    return http.client.HTTPResponse(cast("socket.socket", _Bounded(sock, deadline)), **options)


class _UnderWay:
    """The calls this process has under way. A stalled provider holds a thread of the server with each of them.

    All providers together have `conf.calls_at_once()`, one alone at most all but one of these: it neither starves the
    other providers nor, while the setting is below the number of threads, anybody who needs none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_host: Counter[str] = Counter()

    def begin(self, host: str) -> bool:
        """Whether there is room for one more call to `host`; if so, it is counted until `end`."""
        limit = conf.calls_at_once()
        with self._lock:
            if self._by_host.total() >= limit or self._by_host[host] >= max(1, limit - 1):
                return False
            self._by_host[host] += 1
            return True

    def end(self, host: str) -> None:
        with self._lock:
            self._by_host[host] -= 1


_under_way = _UnderWay()


class _Bounded(io.RawIOBase):
    """A socket's incoming bytes, each read given only what is left until the deadline."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        # The unbuffered file keeps the socket open after http.client has closed its own end of it.
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(deadline: float) -> float:
    """Seconds until `deadline`, a value of time.monotonic(); raise TimeoutError when there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _refuse_constant(_name: str) -> NoReturn:
    """NaN and the infinities are not JSON."""
    raise ValueError
