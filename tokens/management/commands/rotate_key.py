"""Sign a type of token with a new key."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError
from django.utils.translation import gettext as _

from accounts.operators import ACTOR, OperatorCommand, add_json
from tokens.formats import TokenType
from tokens.services import keys


class Command(OperatorCommand):
    """`rotate_key TYPE`: a new key signs in ten seconds, the older ones verify until what they signed has expired."""

    help = (
        "Make a new signing key for a type of token. It signs in ten seconds, when every worker has read it; the older"
        " keys verify until the last token they signed has expired, so that no valid token is refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("token_type", choices=[str(one) for one in keys.ALGORITHMS], help="What the key signs.")
        parser.add_argument(
            "--now",
            action="store_true",
            help="The present key has leaked: every token it signed is refused within five seconds.",
        )
        add_json(parser)

    def run(self, **options: Any) -> None:
        token_type = TokenType(options["token_type"])
        try:
            key = keys.rotate(token_type, retire_now=options["now"], actor=ACTOR)
        except IntegrityError as error:
            raise CommandError(_("Another rotation came first; nothing was changed.")) from error
        if options["json"]:
            made = {"token_type": str(token_type), "generation": key.generation, "algorithm": key.algorithm}
            self.tell({**made, "signs_from": key.current_from})
            return
        facts = {"type": token_type, "generation": key.generation, "moment": f"{key.current_from:%Y-%m-%d %H:%M:%S}"}
        self.say(_("Key %(generation)d of %(type)s signs from %(moment)s UTC.") % facts)
