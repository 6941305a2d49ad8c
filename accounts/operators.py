"""What the operator's commands share: how an account is named, a moment written, a secret read, and an error told."""

import getpass
import json
import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.errors import DomainError, InvalidInput
from accounts.models import User
from accounts.services import accounts

ACTOR = "command"
INTERRUPTED = 130
_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
# As gigachat's clients write a moment.
GIGACHAT_MOMENT = "%Y-%m-%d-%H:%M:%S"


class OperatorCommand(BaseCommand):
    """A command that goes through the services.

    Exit codes: 0 when it is done; 1 with a sentence on standard error when it was refused or failed, 2 when it was not
    understood, 130 when it was interrupted. A subclass writes `run`.
    """

    def run(self, **options: Any) -> None:
        """Do it."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.run(**options)
            self.stdout.flush()
        except DomainError as error:
            raise CommandError(said(error)) from error
        except (OperationalError, InterfaceError, ProgrammingError) as error:
            # PostgreSQL calls a table that is missing an error of the program, and tells the statement below.
            why = (str(error).strip().splitlines() or [""])[0]
            raise CommandError(_("The database does not answer: %(why)s") % {"why": why}) from error
        except KeyboardInterrupt as error:
            text = _("Interrupted. What was done until then stays done.")
            raise CommandError(text, returncode=INTERRUPTED) from error
        except BrokenPipeError:
            # Whoever reads us has seen enough, as `head` does; what is left in the buffer has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def say(self, text: str) -> None:
        """One line on standard output."""
        self.stdout.write(text)

    def tell(self, facts: dict[str, Any]) -> None:
        """One JSON object on a line of its own; moments are ISO 8601 in UTC."""
        line = json.dumps(facts, ensure_ascii=False, default=_plain)
        # Not every reader of lines agrees with JSON about what ends one.
        self.stdout.write(line.translate(_LINE_ENDS))


def add_user(parser: CommandParser, **options: Any) -> None:
    """The argument that names an account; `account` reads it."""
    text = "A user name, an e-mail, a phone or an account id; id/7 is always the id 7."
    parser.add_argument("user", metavar="USER", **{"help": text, **options})


def add_json(parser: CommandParser, text: str = "Print one JSON object.") -> None:
    """The flag for scripts."""
    parser.add_argument("--json", action="store_true", help=text)


def account(name: str) -> User:
    """The account, active or not, that `name` names. Raises CommandError."""
    try:
        return accounts.look_up(name)
    except DomainError as error:
        raise CommandError(f"{name}: {error.text}") from error


def moment(text: str) -> datetime:
    """A day or a moment, in UTC unless it says otherwise; for `type=` of an argument."""
    try:
        day = parse_date(text)
        found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001 - set below
        if found is None:
            found = datetime.strptime(text, GIGACHAT_MOMENT)  # noqa: DTZ007 - set below
    except ValueError as error:
        wanted = _("write a moment as 2026-01-31, 2026-01-31T12:00 or 2026-01-31-12:00:00 (UTC)")
        raise ArgumentTypeError(wanted) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def at_least(least: int) -> Callable[[str], int]:
    """A whole number, `least` or more; for `type=` of an argument."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise ArgumentTypeError(_("it must be %(least)d or more") % {"least": least})
        return value

    return number


def read_secret(prompt: str) -> str:
    """The first line of standard input; asked for twice where that is a terminal. Raises CommandError.

    Never an argument: other users of the machine see those, and so does the shell's history.
    """
    if not sys.stdin.isatty():
        return _one_line(sys.stdin.readline())
    first = getpass.getpass(f"{prompt}: ")
    if first != getpass.getpass(_("The same again: ")):
        raise CommandError(_("The two were not the same; nothing was changed."))
    return _one_line(first)


def progress(steps: Iterable[Any], **options: Any) -> tqdm:
    """A progress bar on standard error; silent where that is no terminal."""
    return tqdm(steps, disable=None, file=sys.stderr, **options)


def said(error: DomainError) -> str:
    """A refusal in one sentence, with the field it is about."""
    return f"{error.field}: {error.text}" if isinstance(error, InvalidInput) else str(error.text)


def _one_line(text: str) -> str:
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise CommandError(_("No password was given; nothing was changed."))
    return secret


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)
