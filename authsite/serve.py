"""`python -m authsite.serve`: granian over the WSGI application, until SIGTERM or Ctrl-C."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from authsite.streams import BrokenStreams


def load(target: str) -> Callable[..., Any]:
    """Return the application `module:name`, inside a worker that ends when its parent does."""
    if parent := multiprocessing.parent_process():

        def follow() -> None:
            # Workers of a killed parent would go on answering on the port, beside the server started next.
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=follow, daemon=True).start()
    module, _, name = target.partition(":")
    return BrokenStreams(getattr(import_module(module), name))


def main() -> None:
    """Serve on `HOST:PORT` with `WORKERS` processes of `BLOCKING_THREADS` threads each."""
    # A worker reads the settings itself, since `authsite.wsgi` adds to the environment; and forking threads is unsafe.
    multiprocessing.set_start_method("spawn")
    try:
        # granian's sockets share a port (SO_REUSEPORT): without this question two servers would take turns on it.
        family, _, _, _, (address, *_) = socket.getaddrinfo(settings.HOST, settings.PORT, type=socket.SOCK_STREAM)[0]
        socket.create_server((address, settings.PORT), family=family).close()
    except OSError as error:
        sys.exit(f"Cannot listen on {settings.HOST}:{settings.PORT}, is it served already? {error}")
    Granian(
        "authsite.wsgi:application",
        address=str(address),
        port=settings.PORT,
        interface=Interfaces.WSGI,
        workers=settings.WORKERS,
        blocking_threads=settings.BLOCKING_THREADS,
        http=HTTPModes.http1,
        websockets=False,
        # Query strings carry secrets by contract, so nothing logs them.
        log_access=False,
        log_level=LogLevels(settings.LOG_LEVEL.lower()),
        # Its own lines take the same form, and go the same way.
        log_dictconfig=settings.LOGGING,
        respawn_failed_workers=True,
        # A client that reads slowly may hold a stop back for this long, in seconds.
        workers_kill_timeout=10,
    ).serve(target_loader=load)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
    main()
