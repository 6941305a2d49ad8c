"""Delete what is over."""

from collections.abc import Callable
from typing import Any

from django.contrib.sessions.models import Session
from django.core.management.base import CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.operators import OperatorCommand, add_json
from accounts.services import counters, events, purging
from oauth_providers.services import authorization
from tokens.services import keys, ledger


def sessions() -> QuerySet[Session]:
    """The sessions in the admin that have expired."""
    return Session.objects.filter(expire_date__lt=timezone.now())


# What may be over, how it is found, and the indexed column that says since when.
KINDS: dict[str, tuple[Callable[[], QuerySet[Any]], str]] = {
    "sign_ins": (ledger.over, "expires"),
    "signing_keys": (keys.over, "retire_after"),
    "events": (events.over, "time"),
    "provider_attempts": (authorization.over, "started"),
    "counters": (counters.over, "until"),
    "admin_sessions": (sessions, "expire_date"),
}


class Command(OperatorCommand):
    """`purge [--dry-run] [--only KIND]`: for cron, once a day or more often."""

    help = (
        "Delete what is over: expired sign-ins, retired signing keys, security events older than EVENT_DAYS, attempts"
        " to sign in by a provider, counters of failures, expired sessions in the admin. In batches of 5000 at most, in"
        " constant memory, while the server serves; on PostgreSQL two at once do not wait for each other."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", choices=list(KINDS), action="append", help="Only this kind. Repeatable.")
        parser.add_argument("--dry-run", action="store_true", help="Only say how many there are.")
        add_json(parser)

    def run(self, **options: Any) -> None:
        done = {}
        for kind in options["only"] or KINDS:
            over, oldest_first = KINDS[kind]
            rows = over()
            done[kind] = rows.count() if options["dry_run"] else _delete(kind, rows, oldest_first)
        if options["json"]:
            self.tell({**done, "dry_run": options["dry_run"]})
            return
        text = _("%(kind)s: %(count)d would be deleted.") if options["dry_run"] else _("%(kind)s: %(count)d deleted.")
        for kind, count in done.items():
            self.say(text % {"kind": kind, "count": count})


def _delete(kind: str, rows: QuerySet[Any], oldest_first: str) -> int:
    count = 0
    with tqdm(desc=kind, disable=None, unit="") as bar:
        for size in purging.in_batches(rows, oldest_first=oldest_first):
            bar.update(size)
            count += size
    return count
