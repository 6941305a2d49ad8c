"""How the threads of a worker are given to clients.

gunicorn (27.0) gives a thread to every connection that is accepted, and then waits for the client without a limit: as
many slow clients as there are threads stop a worker, and those that do not close their end hold up its main loop. Here

- a client gets a thread when the head of its request is there, and has `REQUEST_SECONDS` for that;
- reading the rest may take as long again, and so may each piece of an answer until the client takes it;
- a worker that stops answers whoever is in the queue of the port already, and ends with its parent, however that ended.
"""

import contextlib
import json
import os
import re
import selectors
import signal
import socket
import time
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

from gunicorn import util
from gunicorn.http import errors, message, parser, unreader
from gunicorn.workers import gthread

MAX_HEAD_BYTES = 262_144
REQUEST_SECONDS = 30
_RECEIVED_AT_ONCE = 65_536
# An empty line ends the head. A line feed alone ends it too: the parser refuses that.
_END_OF_HEAD = re.compile(rb"\r\n\r\n|(?<!\r)\n")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_STATUSES = {
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    # These two are about our own answers.
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ParseException: HTTPStatus.BAD_REQUEST,
    Exception: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class Request(message.Request):
    """A request whose address may hold letters as they are typed, which is how curl sends them."""

    def parse_request_line(self, line_bytes: bytes) -> None:
        super().parse_request_line(_NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line_bytes))


class Requests(parser.RequestParser):
    """The requests of one connection."""

    mesg_class = Request


class Reader(unreader.SocketUnreader):
    """What a client sends until a moment of `time.monotonic()`."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece. Raises NoMoreData when it is too late, and when there is none.

        Nobody asks for more than was announced: half a body would be taken for a whole one.
        """
        allowed = self.sock.gettimeout()
        try:
            self.sock.settimeout(max(self.deadline - time.monotonic(), 0.001))
            part = bytes(super().chunk(size_hint))
        except TimeoutError as error:
            raise errors.NoMoreData from error
        finally:
            self.sock.settimeout(allowed)
        if not part:
            raise errors.NoMoreData
        return part


class Connection(gthread.TConn):
    """A connection that knows whether the head of the next request is there: `data_ready`."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.parser = Requests(cfg, sock, client)
        self.parser.unreader = Reader(sock)
        self.data_ready = False
        self.head = bytearray()
        self.is_closed = False

    def has_head(self) -> bool:
        """Whether a thread has something to do: a whole head, or a client that is gone or sends too much."""
        if self.data_ready:
            return True
        self.sock.setblocking(False)
        # What was read beyond the request before is the beginning of this one.
        part = self.parser.unreader.take_buffered()
        try:
            part += self.sock.recv(_RECEIVED_AT_ONCE)
            is_over = not part
        except BlockingIOError:
            is_over = False
        except OSError:
            is_over = True
        if not self.head:
            part = part.lstrip(b"\r\n")
        seen = max(0, len(self.head) - 3)
        self.head += part
        if is_over or len(self.head) > MAX_HEAD_BYTES or _END_OF_HEAD.search(self.head, seen):
            self.parser.unreader.unread(bytes(self.head))
            self.data_ready = True
        return self.data_ready

    def init(self) -> None:
        """Begin with a request, in the thread that has been given to it."""
        super().init()
        is_too_long = len(self.head) > MAX_HEAD_BYTES
        self.head.clear()
        self.data_ready = False
        self.sock.settimeout(REQUEST_SECONDS)
        self.parser.unreader.deadline = time.monotonic() + REQUEST_SECONDS
        if is_too_long:
            raise errors.LimitRequestHeaders("the head")

    def close(self, graceful: bool = False) -> None:
        """Close it; `graceful`: let a client that is still sending read the answer, which takes up to two seconds."""
        if not self.is_closed:
            self.is_closed = True
            with contextlib.suppress(OSError):
                super().close(graceful)


class Worker(gthread.ThreadWorker):
    """A process with a main loop that waits for clients, and threads that answer them."""

    # Its other end is the parent's alone, so that it ends with the parent.
    life: ClassVar[tuple[int, int] | None] = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        Worker.life = Worker.life or os.pipe()

    def init_process(self) -> None:
        """Begin, in the new process."""
        # Until it has its own answers to signals it has the parent's, which only writes them down.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        super().init_process()

    def run(self) -> None:
        """Answer until SIGTERM, or the end of the parent."""
        assert Worker.life
        watched, parents = Worker.life
        os.close(parents)
        self.poller.register(watched, selectors.EVENT_READ, self.parent_is_gone)
        super().run()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Stop by Ctrl-C as by SIGTERM: gunicorn would take a lock of the threads here, which may be taken already."""
        self.handle_exit(sig, frame)

    def parent_is_gone(self, watched: int) -> None:
        """Stop: workers of a killed parent would go on answering, beside those of the server started next."""
        self.poller.unregister(watched)
        self.alive = False

    def accept(self, listener: Any) -> None:
        """Take a connection from the queue of the port, if one is there."""
        with contextlib.suppress(OSError):
            client, address = listener.accept()
            self.nr_conns += 1
            self.enqueue_req(Connection(self.cfg, client, address, listener.getsockname()))

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or end accepting; when the worker stops, with those that are in the queue already."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            accepted = -1
            while accepted != self.nr_conns:
                accepted = self.nr_conns
                self.accept(listener)
            listener.close()

    def enqueue_req(self, conn: Connection) -> None:
        """Give a thread to the connection, or let it wait until a head is there."""
        if conn.has_head():
            super().enqueue_req(conn)
            return
        conn.timeout = time.monotonic() + (REQUEST_SECONDS if self.alive else gthread.STOP_KEEPALIVE_LINGER)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Go on reading a head; its time runs on meanwhile."""
        if conn.has_head():
            super().on_pending_socket_readable(conn, client)

    def handle(self, conn: Connection) -> Any:
        """Answer one request, in a thread; return whether the connection stays open."""
        stays_open = super().handle(conn)
        if not stays_open:
            # gunicorn would close it in the main loop, and everybody would wait with it.
            conn.close(graceful=True)
        return stays_open

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what is no request, or what no application has answered, repeating nothing of it in answer or log."""
        status = next(_STATUSES[kind] for kind in type(exc).__mro__ if kind in _STATUSES)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.exception("Error while answering")
        else:
            self.log.info("Refused %s: %s", addr[0], type(exc).__name__)
        body = json.dumps({"message": status.phrase}).encode()
        head = f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        with contextlib.suppress(OSError):
            util.write(client, f"{head}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + body)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
