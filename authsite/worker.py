"""How the threads of a worker are given to clients.

gunicorn (27.0) gives a thread to every connection that is accepted, and then waits for the client without a limit: as
many slow clients as there are threads stop a worker, and those that do not close their end hold up its main loop. Here

- a client gets a thread when the head of its request is there, and has `REQUEST_SECONDS` for that;
- reading the rest may take as long again, and so may each piece of an answer until the client takes it;
- a worker that stops answers whoever is in the queue of the port already, and ends with its parent, however that ended;
- a request takes half as many system calls: at each a thread gives up the interpreter and has to wait for it again.
"""

import contextlib
import errno
import json
import os
import re
import selectors
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from queue import SimpleQueue
from typing import Any, ClassVar

from gunicorn import util
from gunicorn.http import body, errors, message, parser, unreader
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


class Socket(socket.socket):
    """A client's socket, which stays a blocking one, and sends the head of an answer together with what follows."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        # In the kernel, where it costs no call; socket(7).
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", REQUEST_SECONDS, 0))
        self._held = b""

    def setblocking(self, flag: bool) -> None:
        """Change nothing: the main loop asks for what is there, by MSG_DONTWAIT."""

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        """Send `data`, the head of an answer when more is to be sent or by `flush`."""
        if data.startswith(b"HTTP/1.") and not self._held:
            self._held = data
            return
        held, self._held = self._held, b""
        try:
            super().sendall(held + data, flags)
        except BlockingIOError as error:
            raise BrokenPipeError(errno.EPIPE, "the client takes nothing") from error

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file, which goes past `sendall`."""
        self.flush()
        return super().sendfile(file, offset, count)

    def flush(self) -> None:
        """Send a head that nothing followed."""
        if self._held:
            self.sendall(b"")


class Request(message.Request):
    """A request whose address may hold letters as they are typed, which is how curl sends them."""

    def _peer_is_trusted_proxy(self) -> bool:
        # TRUSTED_PROXIES decides (accounts.middleware); here nobody is, and asking takes as long as reading a header.
        return False

    def parse_request_line(self, line_bytes: bytes) -> None:
        super().parse_request_line(_NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line_bytes))


class Requests(parser.RequestParser):
    """The requests of one connection."""

    mesg_class = Request

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """Forget what nobody has read of the body; return whether that was possible."""
        sent = self.mesg and self.mesg.body
        if sent and not sent.failed and isinstance(sent.reader, body.LengthReader) and not sent.reader.length:
            return True
        return bool(super().finish_body(deadline, max_bytes))


class Reader(unreader.SocketUnreader):
    """What a client sends until a moment of `time.monotonic()`."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece. Raises NoMoreData when it is too late, and when there is none.

        Nobody asks for more than was announced: half a body would be taken for a whole one.
        """
        try:
            self.sock.settimeout(max(self.deadline - time.monotonic(), 0.001))
            part = bytes(super().chunk(size_hint))
        except TimeoutError as error:
            raise errors.NoMoreData from error
        finally:
            self.sock.settimeout(None)
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
        # What was read beyond the request before is the beginning of this one.
        part = self.parser.unreader.take_buffered()
        try:
            part += self.sock.recv(_RECEIVED_AT_ONCE, socket.MSG_DONTWAIT)
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
        self.parser.unreader.deadline = time.monotonic() + REQUEST_SECONDS
        if is_too_long:
            raise errors.LimitRequestHeaders("the head")

    def close(self, graceful: bool = False) -> None:
        """Close it; `graceful`: let a client that is still sending read the answer, which takes up to two seconds."""
        if not self.is_closed:
            self.is_closed = True
            with contextlib.suppress(OSError):
                super().close(graceful)


class Threads:
    """Up to `most` threads, made when there is work for one more, which do `work(item)` for each item that is put."""

    def __init__(self, work: Callable[[Any], None], most: int) -> None:
        self._work, self._most = work, most
        self._items: SimpleQueue[Any] = SimpleQueue()
        self._lock = threading.Lock()
        # Threads with nothing to do, and items that no thread is free for.
        self._idle = self._waiting = self._made = 0

    def put(self, item: Any) -> None:
        """Let a thread do `work(item)`, as soon as one is free."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._made < self._most:
                self._made += 1
                threading.Thread(target=self._run, daemon=True, name=f"answers-{self._made}").start()
            else:
                self._waiting += 1
        self._items.put(item)

    def shutdown(self, wait: bool = True) -> None:
        """Do nothing: the threads end with the process, which has waited for them as long as it may."""

    def _run(self) -> None:
        while True:
            self._work(self._items.get())
            with self._lock:
                if self._waiting:
                    self._waiting -= 1
                else:
                    self._idle += 1


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
            self.enqueue_req(Connection(self.cfg, Socket(client), address, listener.getsockname()))

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
            self.tpool.put(conn)
            return
        conn.timeout = time.monotonic() + (REQUEST_SECONDS if self.alive else gthread.STOP_KEEPALIVE_LINGER)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Go on reading a head; its time runs on meanwhile."""
        if conn.has_head():
            super().on_pending_socket_readable(conn, client)

    def get_thread_pool(self) -> Threads:
        """Return the threads that answer."""
        return Threads(self.answer, self.cfg.threads)

    def answer(self, conn: Connection) -> None:
        """Answer one request, in a thread, and see to it that the next one is waited for."""
        stays_open = False
        try:
            stays_open = self.handle(conn)
            conn.sock.flush()
        except OSError:
            stays_open = False
        except Exception:
            self.log.exception("Error while answering")
        if not stays_open:
            # Here, since everybody would wait with the main loop.
            conn.close(graceful=True)
            self.method_queue.defer(self.closed)
        elif self.alive and not conn.parser.unreader.buf.getbuffer().nbytes:
            conn.set_timeout()
            self.keepalived_conns.append(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))
        else:
            self.method_queue.defer(self.enqueue_req, conn)

    def closed(self) -> None:
        """Count a connection less, in the main loop."""
        self.nr_conns -= 1

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

    def murder_keepalived(self, force: bool = False) -> None:
        """Close what nobody has used for long, sooner when the worker stops."""
        if not self.alive:
            # A thread that did not know yet may just have added one.
            self._cap_keepalive(time.monotonic() + gthread.STOP_KEEPALIVE_LINGER)
        super().murder_keepalived(force)

    def _cap_keepalive(self, deadline: float) -> None:
        # A copy, made at once, since threads add to the first.
        for conn in [*self.keepalived_conns, *self.pending_conns]:
            conn.timeout = min(conn.timeout, deadline)
