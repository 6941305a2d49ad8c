"""Give an account a new password."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from accounts.operators import ACTOR, OperatorCommand, account, add_user, read_secret
from accounts.services import credentials


class Command(OperatorCommand):
    """`set_password USER`: from standard input or a prompt; every sign-in of the account ends."""

    help = (
        "Give an account a new password: the first line of standard input, or asked for twice at a terminal; never an"
        " argument. Every sign-in of the account ends. A member of staff gets no password that is short or common."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_user(parser)

    def run(self, **options: Any) -> None:
        user = account(options["user"])
        password = read_secret(_("New password of %(name)s") % {"name": user.username})
        credentials.accept(password, user, strict=user.is_staff)
        credentials.replace_password(user, password, actor=ACTOR)
        self.say(_("%(name)s has a new password; every sign-in has ended.") % {"name": user.username})
