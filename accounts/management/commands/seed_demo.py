"""Fill a database with people to look at."""

from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.errors import PasswordRefused
from accounts.services import credentials
from accounts.services import demo as accounts
from profiles.services import demo as profiles


class Command(BaseCommand):
    """`seed_demo --users N`: the first N demonstration accounts; those that exist stay as they are."""

    help = "Make plausible demonstration accounts, always the same ones, all with one password, which is printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--users", type=int, required=True, metavar="N", help="How many there shall be.")
        parser.add_argument("--password", help="Their password; without it a random one.")
        parser.add_argument("--seed", type=int, default=1, help="Other numbers give other people. Default 1.")
        parser.add_argument("--force", action="store_true", help="Also where DEBUG is off.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG and not options["force"]:
            raise CommandError(_("These accounts share one known password. Say --force to make them without DEBUG=1."))
        password = options["password"] or accounts.new_password()
        try:
            credentials.accept(password)
        except PasswordRefused as error:
            raise CommandError(str(error.text)) from error
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
        self.stdout.write(
            _("%(made)d accounts made, %(existing)d existed already.") % {"made": made, "existing": existing}
        )
        if made:
            self.stdout.write(_("The password of the new ones: %(password)s") % {"password": password})
