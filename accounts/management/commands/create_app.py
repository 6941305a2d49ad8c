"""Make an application that shares our accounts."""

import sys
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from accounts.operators import ACTOR, OperatorCommand, add_json
from accounts.services import applications


class Command(OperatorCommand):
    """`create_app URL NAME`: the application's `x-app-token` stands alone on the last line."""

    help = "Make an application that shares these accounts. Its token is printed alone on the last line, and only now."

    def add_arguments(self, parser: CommandParser) -> None:
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
        add_json(parser)

    def run(self, **options: Any) -> None:
        token = sys.stdin.readline().strip() if options["token"] == "-" else options["token"]  # noqa: S105
        application, secret = applications.create(
            options["url"],
            options["name"],
            is_super=options["is_super"],
            role_names=options["roles"],
            token=token,
            actor=ACTOR,
        )
        if options["json"]:
            facts = {"id": application.pk, "url": application.url, "name": application.name}
            roles = [role.name for role in application.roles.all()]
            self.tell({**facts, "is_super": application.is_super, "roles": roles, "token": secret})
            return
        self.say(_("Application %(url)s. Its token is shown only now:") % {"url": application.url})
        self.say(secret)
