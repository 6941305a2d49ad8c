"""Let an account in nowhere."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from accounts.operators import ACTOR, OperatorCommand, account, add_user
from accounts.services import accounts


class Command(OperatorCommand):
    """`deactivate_user USER…`: every sign-in ends at once, and no API lets it in until it is activated again."""

    help = (
        "Deactivate accounts: every token stops working with the next request, and no API lets them in until they are"
        " activated again. The last active superuser stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_user(parser, nargs="+")

    def run(self, **options: Any) -> None:
        for user in [account(name) for name in options["user"]]:
            if accounts.deactivate(user, actor=ACTOR):
                self.say(_("%(name)s is deactivated.") % {"name": user.username})
            else:
                self.say(_("%(name)s was not active.") % {"name": user.username})
