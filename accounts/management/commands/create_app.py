"""Make an application that shares our accounts."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.errors import DomainError
from accounts.services import applications


class Command(BaseCommand):
    """`create_app URL NAME`: the application's `x-app-token` stands alone on the last line."""

    help = "Make an application that shares these accounts. Its token is printed alone on the last line, and only now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="Its address, by which it is known: https://site.example")
        parser.add_argument("name", help="What people call it.")
        parser.add_argument("--super", action="store_true", dest="is_super", help="It may change accounts and roles.")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            dest="roles",
            metavar="NAME",
            help="A role that has it in its menu; made when missing. May be said several times.",
        )
        parser.add_argument(
            "--token", help="Keep this token, a UUID for example, instead of a new one; - reads it from standard input."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        token = sys.stdin.readline().strip() if options["token"] == "-" else options["token"]  # noqa: S105
        try:
            application, secret = applications.create(
                options["url"],
                options["name"],
                is_super=options["is_super"],
                role_names=options["roles"],
                token=token,
                actor="command",
            )
        except DomainError as error:
            raise CommandError(str(error.text)) from error
        if options["json"]:
            facts = {"id": application.pk, "url": application.url, "name": application.name}
            roles = [role.name for role in application.roles.all()]
            made = {**facts, "is_super": application.is_super, "roles": roles, "token": secret}
            self.stdout.write(json.dumps(made, ensure_ascii=False))
            return
        self.stdout.write(_("Application %(url)s. Its token is shown only now:") % {"url": application.url})
        self.stdout.write(secret)
