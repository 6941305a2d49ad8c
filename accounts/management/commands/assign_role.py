"""Change the roles of an account."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.models import Role
from accounts.operators import ACTOR, OperatorCommand, account, add_json, add_user
from accounts.services import roles


class Command(OperatorCommand):
    """`assign_role USER ROLE… [--remove | --only]`."""

    help = "Give roles to an account, or take them. The sites see it with their next request."

    def add_arguments(self, parser: CommandParser) -> None:
        add_user(parser)
        parser.add_argument("role", nargs="+", metavar="ROLE", help="The name of a role.")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--remove", action="store_true", help="Take these roles away.")
        how.add_argument("--only", action="store_true", help="Leave it these roles and no others.")
        parser.add_argument("--create", action="store_true", help="Make the roles that do not exist yet.")
        add_json(parser)

    def run(self, **options: Any) -> None:
        user = account(options["user"])
        names = options["role"]
        known = set(Role.objects.filter(name__in=names).values_list("name", flat=True))
        missing = sorted(set(names) - known)
        if missing and not options["create"] and not options["remove"]:
            text = _("There is no role %(names)s. Say --create to make it.")
            raise CommandError(text % {"names": ", ".join(missing)})
        change = roles.withdraw if options["remove"] else roles.replace if options["only"] else roles.grant
        change(user, names, actor=ACTOR)
        held = list(user.roles.order_by("name").values_list("name", flat=True))
        if options["json"]:
            self.tell({"id": user.pk, "username": user.username, "roles": held})
        else:
            listed = ", ".join(held) or _("none")
            self.say(_("%(name)s has the roles: %(roles)s.") % {"name": user.username, "roles": listed})
