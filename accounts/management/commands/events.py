"""Read the security events."""

from typing import Any

from django.core.management.base import CommandParser

from accounts import identifiers
from accounts.clients import Dialect
from accounts.errors import AccountNotFound
from accounts.models import Event
from accounts.operators import OperatorCommand, account, add_json, at_least, moment
from accounts.services import accounts


class Command(OperatorCommand):
    """`events [--user …] [--kind …] [--since …]`: newest first, as lines or as JSON lines."""

    help = "Read the security events, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="Only about this account; an id works also for an account that is gone.")
        parser.add_argument("--kind", choices=Event.Kind.values, action="append", help="Only of this kind. Repeatable.")
        parser.add_argument("--dialect", choices=Dialect.values, help="Only through this API.")
        parser.add_argument("--actor", help="Only by this one: command, staff:7, app:https://…")
        parser.add_argument("--ip", help="Only from this address.")
        parser.add_argument("--refused", action="store_true", help="Only what was refused.")
        parser.add_argument("--since", type=moment, metavar="MOMENT", help="From this moment on: 2026-01-31, UTC.")
        parser.add_argument("--until", type=moment, metavar="MOMENT", help="Before this moment.")
        parser.add_argument("--limit", type=at_least(0), default=100, help="At most so many; 0: all. Default 100.")
        add_json(parser, "Print a JSON object on each line.")

    def run(self, **options: Any) -> None:
        conditions = {
            "user_ref": _account_id(options["user"]) if options["user"] else None,
            "kind__in": options["kind"],
            "dialect": options["dialect"],
            "actor": options["actor"],
            "ip": options["ip"],
            "succeeded": False if options["refused"] else None,
            "time__gte": options["since"],
            "time__lt": options["until"],
        }
        given = {name: value for name, value in conditions.items() if value is not None}
        found = Event.objects.filter(**given).order_by("-pk")
        for event in (found[: options["limit"]] if options["limit"] else found).iterator():
            if options["json"]:
                names = ("id", "time", "kind", "succeeded", "user_ref", "dialect", "ip", "agent", "actor", "details")
                self.tell({name: getattr(event, name) for name in names})
            else:
                self.say(_line(event))


def _account_id(name: str) -> int:
    try:
        return accounts.look_up(name).pk
    except AccountNotFound:
        number = identifiers.account_id(name.removeprefix(accounts.BY_ID))
        return number or account(name).pk


def _line(event: Event) -> str:
    outcome = "ok" if event.succeeded else "refused"
    facts = [f"{name}={value}" for name, value in event.details.items()]
    who = [f"user={event.user_ref or '-'}", f"by={event.actor}" if event.actor else "", event.dialect, event.ip or ""]
    line = " ".join(
        [f"{event.time:%Y-%m-%d %H:%M:%S}", f"{event.kind:<20}", f"{outcome:<7}", *filter(None, who), *facts]
    )
    # An agent or a name may hold what a terminal would obey.
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)
