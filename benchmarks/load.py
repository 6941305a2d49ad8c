"""Clients that ask over HTTP, and how long they wait: one thread for all of them, so that measuring costs little."""

# ruff: noqa: TID251 - a benchmark asks the server.

import re
import selectors
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

SECONDS_TO_ANSWER = 60
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `seconds` is how long its client waited, `first_byte` until it began."""

    status: int
    head: bytes
    body: bytes
    first_byte: float
    seconds: float

    @property
    def says_when(self) -> bool:
        """Whether it says when to come back."""
        return b"\r\nretry-after: " in self.head.lower()


@dataclass(slots=True)
class Sample:
    """What some clients saw: how long each answer took, and how many there were of each status."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    # Answers 503 that said when to come back.
    told_to_wait: int = 0
    # Connections that ended without an answer.
    broken: int = 0
    seconds: float = 0.0

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        self.latencies.append(answer.seconds)
        self.statuses[answer.status] += 1
        self.told_to_wait += answer.status == 503 and answer.says_when

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """The latency, in seconds, that `percent` of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


@dataclass(frozen=True, slots=True)
class Stream:
    """Clients with the same requests, taken in turn: each as soon as it is answered, or all together `rate` a second.

    A latency at a given rate counts from the moment the request was due, also when no client was free to send it.
    """

    requests: Sequence[bytes]
    clients: int
    rate: float | None = None


class Connection:
    """A client's connection, kept alive, and opened anew where the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._since = self._first_byte = 0.0

    def send(self, request: bytes, since: float | None = None) -> socket.socket:
        """Send `request`, due at `since` (now, if not given); return the socket that the answer comes from."""
        self._since = time.perf_counter() if since is None else since
        self._received.clear()
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS_TO_ANSWER)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        return self._socket

    def receive(self) -> Answer | None:
        """What has come; None until the answer is whole. Raises ConnectionError when it never will be."""
        assert self._socket is not None
        part = self._socket.recv(65_536)
        now = time.perf_counter()
        if not self._received:
            self._first_byte = now
        self._received += part
        end = self._received.find(b"\r\n\r\n")
        if end >= 0 and self._is_whole(end):
            head, body = bytes(self._received[:end]), bytes(self._received[end + 4 :])
            return self._answer(head, body, now)
        if not part:
            self.close()
            raise ConnectionError
        return None

    def _is_whole(self, end: int) -> bool:
        """Whether the body is there, whose head goes up to `end`."""
        head = self._received[:end]
        if length := _LENGTH.search(head):
            return len(self._received) - end - 4 >= int(length[1])
        return self._received.endswith(b"\r\n0\r\n\r\n") if b"chunked" in head.lower() else True

    def _answer(self, head: bytes, body: bytes, now: float) -> Answer:
        status = _STATUS.match(head)
        assert status is not None
        lowered = head.lower()
        if b"\r\nconnection: close" in lowered:
            self.close()
        if b"\r\ntransfer-encoding: chunked" in lowered:
            body = _joined(body)
        return Answer(int(status[1]), head, body, self._first_byte - self._since, now - self._since)

    def ask(self, request: bytes) -> Answer:
        """Send `request` and wait for the answer."""
        self.send(request)
        while (answer := self.receive()) is None:
            pass
        return answer

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def run(port: int, *streams: Stream, seconds: float) -> list[Sample]:
    """Let every stream ask for `seconds`, all at once; return what each has seen when the last answer has come."""
    with selectors.DefaultSelector() as selector:
        running = [_Running(stream, port, selector) for stream in streams]
        started = now = time.perf_counter()
        while now < started + seconds or any(stream.asked for stream in running):
            wait = min((stream.send_due(started, now, started + seconds) for stream in running), default=0.0)
            for key, _ in selector.select(max(0.0, min(wait, 0.1))):
                key.data[0].receive(key.fileobj, key.data[1])
            now = time.perf_counter()
            if now > started + seconds + SECONDS_TO_ANSWER:
                sys.exit("The server does not answer.")
        for stream in running:
            stream.sample.seconds = now - started
            stream.close()
        return [stream.sample for stream in running]


class _Running:
    """A stream under way."""

    def __init__(self, stream: Stream, port: int, selector: selectors.BaseSelector) -> None:
        self.stream, self.sample = stream, Sample()
        self.sent = self.asked = 0
        self._selector = selector
        self._idle = deque(Connection(port) for _ in range(stream.clients))

    def send_due(self, started: float, now: float, until: float) -> float:
        """Send what is due; return in how many seconds something is again, as far as that is known."""
        rate, requests = self.stream.rate, self.stream.requests
        while self._idle:
            due = now if rate is None else started + self.sent / rate
            if due >= until:
                return 1.0
            if due > now:
                return due - now
            connection = self._idle.popleft()
            source = connection.send(requests[self.sent % len(requests)], since=None if rate is None else due)
            self._selector.register(source, selectors.EVENT_READ, (self, connection))
            self.sent += 1
            self.asked += 1
        return 1.0

    def receive(self, source: socket.socket, connection: Connection) -> None:
        """Take what has come at one connection."""
        answer = None
        try:
            answer = connection.receive()
        except ConnectionError:
            self.sample.broken += 1
        else:
            if answer is None:
                return
            self.sample.add(answer)
        self.asked -= 1
        self._selector.unregister(source)
        self._idle.append(connection)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._idle:
            connection.close()


def _joined(chunked: bytes) -> bytes:
    """A body that came in chunks (RFC 9112, 7.1)."""
    parts, start = [], 0
    while start < len(chunked):
        end = chunked.index(b"\r\n", start)
        size = int(chunked[start:end], 16)
        parts.append(chunked[end + 2 : end + 2 + size])
        start = end + 2 + size + 2
    return b"".join(parts)
