"""Make an account."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.operators import ACTOR, OperatorCommand, add_json, read_secret
from accounts.services import accounts, credentials, registration, roles
from profiles.services import editing
from profiles.services.editing import NAMES


class Command(OperatorCommand):
    """`create_user [USERNAME] [--email …] [--phone …]`: the password comes from standard input or a prompt."""

    help = (
        "Make an account. Its password is the first line of standard input, or is asked for twice at a terminal; it is"
        " never an argument. The account can then sign in through every API that accepts one of its identifiers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?", metavar="USERNAME", help="Without one, user_… is generated.")
        parser.add_argument("--email", help="Its e-mail address.")
        parser.add_argument("--phone", help="Its phone; without + it is read as one of PHONE_REGION.")
        parser.add_argument("--no-password", action="store_true", help="Only a provider opens it until it gets one.")
        parser.add_argument("--staff", action="store_true", help="It may enter the admin, for what it is permitted.")
        parser.add_argument("--superuser", action="store_true", help="It may enter the admin and do everything.")
        parser.add_argument(
            "--role", action="append", default=[], metavar="NAME", help="A role; made when missing. Repeatable."
        )
        for name in NAMES:
            parser.add_argument(f"--{name.replace('_', '-')}", default="", help="Told about the person.")
        add_json(parser)

    def run(self, **options: Any) -> None:
        names = {name: options[name] for name in NAMES if options[name]}
        editing.check(**names)
        given = {kind: options[kind] for kind in ("username", "email", "phone")}
        is_staff = options["staff"] or options["superuser"]
        password = None if options["no_password"] else read_secret(_("Password"))
        if password is not None:
            credentials.accept(password, User(**{**given, "username": given["username"] or ""}), strict=is_staff)
        candidate = registration.candidate(**given, password=password, client=None)
        with transaction.atomic():
            user = accounts.create(candidate, is_staff=is_staff, is_superuser=options["superuser"], actor=ACTOR)
            if options["role"]:
                roles.grant(user, options["role"], actor=ACTOR)
            if names:
                editing.edit(user, **names)
        if options["json"]:
            self.tell({"id": user.pk, "username": user.username, "email": user.email, "phone": user.phone})
        else:
            self.say(_("Account %(id)d, user name %(name)s.") % {"id": user.pk, "name": user.username})
