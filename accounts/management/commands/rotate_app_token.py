"""Give an application a new token."""

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.operators import ACTOR, OperatorCommand, add_json
from accounts.services import applications


class Command(OperatorCommand):
    """`rotate_app_token URL`: the new token alone on the last line; the present one stays good until `--finish`."""

    help = (
        "Give an application a new token, printed alone on the last line. The present token stays good beside it, so"
        " that the site can be redeployed at leisure; --finish, or the next rotation, ends it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="The application's address.")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--now", action="store_true", help="End every older token at once: it has leaked.")
        how.add_argument("--finish", action="store_true", help="Make no token; end the one before the last rotation.")
        parser.add_argument(
            "--token", help="Take this token, a UUID for example, instead of a new one; - reads it from standard input."
        )
        add_json(parser)

    def run(self, **options: Any) -> None:
        if options["finish"] and options["token"]:
            raise CommandError(_("--finish makes no token; say --token without it."))
        token = sys.stdin.readline().strip() if options["token"] == "-" else options["token"]  # noqa: S105
        application = applications.look_up(options["url"])
        if options["finish"]:
            applications.end_previous_token(application, actor=ACTOR)
            secret = None
        else:
            secret = applications.rotate_token(application, token=token, at_once=options["now"], actor=ACTOR)
        if options["json"]:
            valid = 1 + (application.previous_token_digest is not None)
            found = {"id": application.pk, "url": application.url, "valid_tokens": valid}
            self.tell({**found, "token": secret} if secret else found)
        elif secret is None:
            self.say(_("The token before the last rotation has ended."))
        else:
            self.say(_("Application %(url)s. Its new token is shown only now:") % {"url": application.url})
            self.say(secret)
