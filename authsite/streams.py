"""An answer that fails on its way must not look whole.

granian ends a chunked answer whose iterator raised with the same last chunk as one that came to its end (seen in
2.8.7), and tells a WSGI application neither the socket nor the port of its caller. So the connection is found by what
passes through it: white space of a random length, which JSON allows, is sent on, and the one connection of this process
that grew by exactly so much is shut down. Where that cannot be asked (TCP_INFO is Linux's), or a caller reads nothing,
the answer ends where it failed: an array that was never closed.
"""

import contextlib
import os
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

PROBES = 20
SECONDS_FOR_A_PROBE = 0.1
DESCRIPTORS = "/proc/self/fd"
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class BrokenStreams:
    """A WSGI application whose streamed answers break their connection when they fail."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = self.application(environ, start_response)
        # What has a length needs no help: the server sees itself that something is missing.
        if not getattr(answer, "streaming", False) or "Content-Length" in answer:  # type: ignore[operator]
            return answer
        return _Watched(answer, environ["SERVER_PORT"])


class _Watched:
    def __init__(self, answer: Any, port: str) -> None:
        self._answer, self._port = answer, int(port)
        self._parts = iter(answer)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except StopIteration:
            raise
        except Exception as error:
            if isinstance(self._parts, _BreakingOff):
                raise
            self._parts = _BreakingOff(self._port, error)
            return next(self._parts)

    def close(self) -> None:
        self._answer.close()


class _BreakingOff(Iterator[bytes]):
    """Probes to send on, until the connection they went through is found and shut down; then `error` is raised."""

    def __init__(self, port: int, error: Exception) -> None:
        self.port, self.error = port, error
        self.probes, self.size = PROBES, 0
        self.before: dict[str, int] = {}

    def __next__(self) -> bytes:
        if self.size and self._shut_down():
            raise self.error
        self.before = {name: _written(connection) for name, connection in _connections(self.port)}
        if not self.before or not self.probes:
            raise self.error
        self.probes, self.size = self.probes - 1, 1024 + secrets.randbelow(16_384)
        return b" " * self.size

    def _shut_down(self) -> bool:
        """Whether exactly one connection has grown by the last probe, within a while, and was shut down."""
        # A chunk is its length in hexadecimal, itself, and two line ends (RFC 9112, 7.1); HTTP/1.0 knows no chunks.
        grown = (self.size + len(f"{self.size:x}") + 4, self.size)
        deadline = time.monotonic() + SECONDS_FOR_A_PROBE
        while time.monotonic() < deadline:
            time.sleep(0.005)
            now = {name: _written(connection) for name, connection in _connections(self.port)}
            found = [name for name in now if name in self.before and now[name] - self.before[name] in grown]
            if len(found) == 1:
                for name, connection in _connections(self.port):
                    if name == found[0]:
                        connection.shutdown(socket.SHUT_RDWR)
                return True
        return False


def _connections(port: int) -> Iterator[tuple[str, socket.socket]]:
    """The connections to `port` in this process: what names each, and a socket that shares it until the next one."""
    if not os.path.isdir(DESCRIPTORS) or not hasattr(socket, "TCP_INFO"):
        return
    for number in os.listdir(DESCRIPTORS):
        # What is closed meanwhile, is no socket, or has no peer because it listens, is passed over.
        with contextlib.suppress(OSError):
            name = os.readlink(f"{DESCRIPTORS}/{number}")
            if name.startswith("socket:"):
                with contextlib.closing(socket.socket(fileno=os.dup(int(number)))) as connection:
                    is_tcp = connection.family in (socket.AF_INET, socket.AF_INET6)
                    if is_tcp and connection.getsockname()[1] == port and connection.getpeername():
                        yield name, connection


def _written(connection: socket.socket) -> int:
    """How many bytes the process has handed over: sent, less those sent again, and those not sent yet (tcp(7))."""
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    (not_sent,), (sent, repeated) = struct.unpack_from("=I", told, 144), struct.unpack_from("=QQ", told, 200)
    return int(sent - repeated + not_sent)
