"""Fill a database with people to look at."""

from itertools import islice
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.operators import OperatorCommand, at_least
from accounts.services import credentials
from accounts.services import demo as accounts
from profiles.services import demo as profiles


class Command(OperatorCommand):
    """`seed_demo --users N`: the first N demonstration accounts; those that exist stay as they are."""

    help = "Make plausible demonstration accounts, always the same ones, all with one password, which is printed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=at_least(1), required=True, metavar="N", help="How many there shall be.")
        parser.add_argument("--password", help="Their password; without it a random one.")
        parser.add_argument("--seed", type=int, default=1, help="Other numbers give other people. Default 1.")
        parser.add_argument("--force", action="store_true", help="Also where DEBUG is off.")

    def run(self, **options: Any) -> None:
        if not settings.DEBUG and not options["force"]:
            raise CommandError(_("These accounts share one known password. Say --force to make them without DEBUG=1."))
        password = options["password"] or accounts.new_password()
        credentials.accept(password)
        encoded = credentials.hashed(password)
        people = accounts.people(options["users"], seed=options["seed"])
        made = 0
        # Silent where nobody watches: `disable=None` asks whether this is a terminal.
        with tqdm(total=options["users"], unit=_("accounts"), disable=None) as progress:
            while batch := list(islice(people, accounts.BATCH)):
                with transaction.atomic():
                    new = accounts.make(batch, encoded_password=encoded)
                    profiles.tell(new)
                made += len(new)
                progress.update(len(batch))
        existing = options["users"] - made
        self.say(_("%(made)d accounts made, %(existing)d existed already.") % {"made": made, "existing": existing})
        if made:
            self.say(_("The password of the new ones: %(password)s") % {"password": password})
