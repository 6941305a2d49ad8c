"""manage.py fake_oauth_provider: VK ID, Mail.ru and Yandex on this machine, for demonstrations."""

import contextlib
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from oauth_providers import conf
from oauth_providers.fake import ABSENT, ENDPOINTS, MISCHIEF, PROVIDERS, FakeProviders, Person


class Command(BaseCommand):
    """Prints settings on standard output, all else on standard error."""

    help = (
        "Serve VK ID, Mail.ru and Yandex on loopback, with people who do not exist. Prints the settings that make this "
        "site use them; put these into .env and restart the site. Works with DEBUG=1 only. Ctrl-C ends it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, default=8090, help="port on 127.0.0.1; 0 takes a free one (default 8090)"
        )
        parser.add_argument(
            "--consent",
            choices=("ask", "give", "refuse"),
            default="ask",
            help="ask: a page with buttons (default); give, refuse: answer at once, for scripts",
        )
        parser.add_argument(
            "--misbehave",
            action="append",
            default=[],
            metavar="PROVIDER/ENDPOINT=HOW",
            help=f"for instance vk/token=stall; endpoints {', '.join(ENDPOINTS)}; how: {', '.join(MISCHIEF)}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("fake_oauth_provider lets anybody be anybody: it runs with DEBUG=1 only.")
        try:
            providers = FakeProviders(port=options["port"], consent=options["consent"])
        except OSError as error:
            raise CommandError(f"Port {options['port']} cannot be used: {error.strerror}.") from error
        for people in providers.people.values():
            people += [
                Person(uid="1002", email="maria@example.com", first_name="Мария", last_name="Иванова"),
                Person(uid="1003", email=ABSENT, first_name="Пётр", last_name="Безпочтов"),
            ]
        for wish in options["misbehave"]:
            self._misbehave(providers, wish)
        for key in PROVIDERS:
            for name, value in providers.settings(key).items():
                self.stdout.write(f"OAUTH_{conf.PREFIXES[key]}_{name}={value}")
        self.stdout.flush()
        self.stderr.write(f"Serving on {providers.address}; Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            providers.serve()

    def _misbehave(self, providers: FakeProviders, wish: str) -> None:
        where, _, how = wish.partition("=")
        provider, _, endpoint = where.partition("/")
        if provider not in PROVIDERS or endpoint not in ENDPOINTS or how not in MISCHIEF:
            raise CommandError(f"{wish!r} is not PROVIDER/ENDPOINT=HOW; see --help.")
        providers.misbehave(provider, endpoint, how)
