"""Let an account in again."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from accounts.operators import ACTOR, OperatorCommand, account, add_user
from accounts.services import accounts


class Command(OperatorCommand):
    """`activate_user USER…`: with the password it had; what it was signed in with before stays over."""

    help = "Activate accounts that were deactivated. They keep their password, and have to sign in anew."

    def add_arguments(self, parser: CommandParser) -> None:
        add_user(parser, nargs="+")

    def run(self, **options: Any) -> None:
        for user in [account(name) for name in options["user"]]:
            if accounts.activate(user, actor=ACTOR):
                self.say(_("%(name)s is active.") % {"name": user.username})
            else:
                self.say(_("%(name)s was active already.") % {"name": user.username})
