"""Give an application a new token."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.errors import DomainError
from accounts.services import applications


class Command(BaseCommand):
    """`rotate_app_token URL`: the new token alone on the last line; the present one stays good until `--finish`."""

    help = (
        "Give an application a new token, printed alone on the last line. The present token stays good beside it, so"
        " that the site can be redeployed at leisure; --finish, or the next rotation, ends it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="The application's address.")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--now", action="store_true", help="End every older token at once: it has leaked.")
        how.add_argument("--finish", action="store_true", help="Make no token; end the one before the last rotation.")
        parser.add_argument(
            "--token", help="Take this token, a UUID for example, instead of a new one; - reads it from standard input."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["finish"] and options["token"]:
            raise CommandError(_("--finish makes no token; say --token without it."))
        token = sys.stdin.readline().strip() if options["token"] == "-" else options["token"]  # noqa: S105
        try:
            application = applications.look_up(options["url"])
            if options["finish"]:
                applications.end_previous_token(application, actor="command")
                secret = None
            else:
                secret = applications.rotate_token(application, token=token, at_once=options["now"], actor="command")
        except DomainError as error:
            raise CommandError(str(error.text)) from error
        if options["json"]:
            valid = 1 + (application.previous_token_digest is not None)
            found = {"id": application.pk, "url": application.url, "valid_tokens": valid}
            self.stdout.write(json.dumps({**found, "token": secret} if secret else found, ensure_ascii=False))
        elif secret is None:
            self.stdout.write(_("The token before the last rotation has ended."))
        else:
            self.stdout.write(_("Application %(url)s. Its new token is shown only now:") % {"url": application.url})
            self.stdout.write(secret)
