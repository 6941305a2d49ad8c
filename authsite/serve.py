"""`python -m authsite.serve`: gunicorn over the WSGI application, until SIGTERM or Ctrl-C."""

import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from accounts.checks import SETTINGS
from authsite.worker import MAX_HEAD_BYTES, Worker

# Connections that the system keeps until a worker takes them.
BACKLOG = 2048


class ServerLog(Logger):
    """The server's own lines, written as LOGGING says. None repeats anything of a request."""

    def setup(self, cfg: Any) -> None:
        """Leave everything to the project's handlers."""
        self.cfg = cfg
        self.error_log = logging.getLogger("authsite.serve")
        # Below INFO it writes what clients have sent, and each of its settings.
        self.error_log.setLevel(max(logging.INFO, logging.getLevelNamesMapping()[settings.LOG_LEVEL]))


class Server(BaseApplication):
    """gunicorn with our settings and our application, and nothing from its own files and variables."""

    def __init__(self, application: Callable[..., Any], listener: socket.socket) -> None:
        self.application, self.listener = application, listener
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn what its defaults are not."""
        options = {
            # It takes the socket over by its number.
            "bind": f"fd://{self.listener.detach()}",
            "logger_class": ServerLog,
            "worker_class": Worker,
            "workers": settings.WORKERS,
            "threads": settings.BLOCKING_THREADS,
            # Open at a time in each worker: fewer than the 1024 files that a process may usually open.
            "worker_connections": 800,
            # An idle connection costs nothing. A proxy keeps its own for less long, so that it ends them first.
            "keepalive": 75,
            # A client that reads slowly may hold a stop back for this long, in seconds.
            "graceful_timeout": 10,
            # A worker whose main loop has stood still for so long, in seconds, is replaced.
            "timeout": 60,
            # What is too long or of an odd method is refused by ourselves, in the dialect's envelope.
            "limit_request_line": 0,
            "limit_request_field_size": MAX_HEAD_BYTES,
            "limit_request_fields": 200,
            "permit_unconventional_http_method": True,
            # `X_App_Token` would reach the application as `X-App-Token`: names with an underscore are dropped.
            "header_map": "drop",
            # TRUSTED_PROXIES decides whose word counts (accounts.middleware).
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            # Another parser, if one is installed, would have rules of its own.
            "http_parser": "python",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """Return the application, which every worker inherits."""
        return self.application


def listen() -> socket.socket:
    """A socket that listens on `HOST:PORT`, or the end of the program."""
    try:
        family, _, _, _, (address, *_) = socket.getaddrinfo(settings.HOST, settings.PORT, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(address), settings.PORT), family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        sys.exit(f"Cannot listen on {settings.HOST}:{settings.PORT}, is it served already? {error}")


def refuse_wrong_settings() -> None:
    """End with a line about each setting that no request could be answered with; `manage.py check` looks at more."""
    wrong = [found for found in checks.run_checks(tags=[SETTINGS]) if found.is_serious()]
    if wrong:
        sys.exit("\n".join(f"authsite: {found.msg}" for found in wrong))


def main() -> None:
    """Serve on `HOST:PORT` with `WORKERS` processes of `BLOCKING_THREADS` threads each."""
    # The settings are read once, here, for all workers.
    os.environ.setdefault("IS_SERVING", "1")
    application = import_module("authsite.wsgi").application
    refuse_wrong_settings()
    server = Server(application, listen())
    # What is loaded before the workers are made, they share: none of it has opened a connection or begun a thread.
    # The collector leaves it alone from here on, since a page it touched would be copied.
    get_resolver().url_patterns  # noqa: B018
    gc.collect()
    gc.freeze()
    server.run()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
    try:
        main()
    except ImproperlyConfigured as error:
        sys.exit(f"authsite: {error}")
