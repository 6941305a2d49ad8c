"""List sign-ins."""

from typing import Any

from django.core.management.base import CommandParser

from accounts.clients import Dialect
from accounts.operators import OperatorCommand, account, add_json, add_user, at_least
from tokens.models import SignIn


class Command(OperatorCommand):
    """`list_tokens [USER]`: the working sign-ins, newest first; a secret is in none of them."""

    help = "List the working sign-ins of an account, or of everybody, newest first. No secret is printed: none is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        add_user(parser, nargs="?")
        parser.add_argument("--agent", default="", help="Only where the agent contains this, in any case.")
        parser.add_argument("--dialect", choices=Dialect.values, help="Only those of this API.")
        parser.add_argument("--ended", action="store_true", help="Also those that have ended or expired.")
        parser.add_argument("--limit", type=at_least(0), default=100, help="At most so many; 0: all. Default 100.")
        add_json(parser, "Print a JSON object on each line.")

    def run(self, **options: Any) -> None:
        rows = SignIn.objects.all() if options["ended"] else SignIn.objects.working()
        if options["user"]:
            rows = rows.filter(user=account(options["user"]))
        if options["dialect"]:
            rows = rows.filter(dialect=options["dialect"])
        if options["agent"]:
            rows = rows.filter(agent_folded__contains=options["agent"].casefold())
        found = rows.select_related("user").order_by("-pk")
        for row in (found[: options["limit"]] if options["limit"] else found).iterator():
            facts = {
                "id": row.pk,
                "user_id": row.user_id,
                "username": row.user.username,
                "dialect": row.dialect,
                "agent": row.agent,
                "ip": row.ip,
                "started": row.started,
                "last_used": row.last_used,
                "expires": row.expires,
                "revoked": row.revoked,
            }
            if options["json"]:
                self.tell(facts)
            else:
                agent = "".join(character if character.isprintable() else "?" for character in row.agent)
                times = f"{row.started:%Y-%m-%d %H:%M:%S}  {row.last_used:%Y-%m-%d %H:%M:%S}"
                self.say(f"{row.pk:>8}  {times}  {row.dialect:<12}  {row.user.username}  {row.ip or '-'}  {agent}")
