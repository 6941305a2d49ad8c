"""End sign-ins."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.clients import Dialect
from accounts.operators import ACTOR, OperatorCommand, account, add_json, add_user, moment
from tokens.models import SignIn
from tokens.services import revocation


class Command(OperatorCommand):
    """`revoke_tokens USER`, `revoke_tokens --agent … --before …`, `revoke_tokens --all`."""

    help = (
        "End sign-ins; every token of theirs stops working with the next request. What is given must all hold. A user"
        " without more, and --all, also end the sessions in the admin. A million sign-ins take seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_user(parser, nargs="?")
        parser.add_argument("--agent", default="", help="Where the agent contains this, in any case.")
        parser.add_argument("--dialect", choices=Dialect.values, default="", help="Those of this API.")
        parser.add_argument(
            "--before", type=moment, metavar="MOMENT", help="Begun before this moment: 2026-01-31, UTC."
        )
        parser.add_argument("--all", action="store_true", help="Every sign-in of everybody.")
        parser.add_argument("--dry-run", action="store_true", help="Only say how many there are.")
        add_json(parser)

    def run(self, **options: Any) -> None:
        chosen = {"agent": options["agent"], "dialect": options["dialect"], "started_before": options["before"]}
        narrowed = any(chosen.values())
        if options["all"] and (narrowed or options["user"]):
            raise CommandError(_("--all is everything: say it alone."))
        if not options["all"] and not narrowed and not options["user"]:
            raise CommandError(_("Say whose sign-ins: a user, --agent, --dialect, --before, or --all."))
        user = account(options["user"]) if options["user"] else None
        if options["dry_run"]:
            count = revocation.matching(user=user, **chosen).count()
        elif options["all"]:
            count = revocation.revoke_everybody(actor=ACTOR)
        elif user is not None and not narrowed:
            count = revocation.end_everything(user, actor=ACTOR)
        else:
            count = self._end(user=user, **chosen)
        if options["json"]:
            self.tell({"count": count, "dry_run": options["dry_run"]})
        elif options["dry_run"]:
            self.say(_("%(count)d sign-ins would be ended.") % {"count": count})
        else:
            self.say(_("%(count)d sign-ins ended.") % {"count": count})

    @staticmethod
    def _end(**chosen: Any) -> int:
        newest = SignIn.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        count = 0
        with tqdm(total=newest, disable=None, unit="") as bar:
            for step in revocation.revoke_matching(**chosen, actor=ACTOR):
                bar.update(step.reached - bar.n)
                count = step.ended
        return count
