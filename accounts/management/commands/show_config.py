"""Tell how the server is set, without a secret."""

import re
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.operators import OperatorCommand, add_json

HIDDEN = "********"
_SECRET_ENDINGS = ("SECRET", "KEY", "PASSWORD", "KEY_FALLBACKS")
_PASSWORD_IN_A_URL = re.compile(r"(?<=://)([^/@\s]*:)[^@\s]*(?=@)|(?<=[?&])(password=)[^&]*")


class Command(OperatorCommand):
    """`show_config`: every setting by its name in the environment, its value, and where that comes from."""

    help = (
        "Tell every setting by its name in the environment, its value as it was understood, and where it comes from:"
        " default, environment (and .env), file (NAME_FILE), or generated. Of a secret only is shown whether it is set."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="*", metavar="NAME", help="Only these. Exit code 1 when one is not known.")
        add_json(parser, 'Print one JSON object: {NAME: {"value": …, "origin": …}}.')

    def run(self, **options: Any) -> None:
        readings = getattr(settings, "SETTINGS_READ", {})
        names = options["name"] or sorted(readings)
        unknown = [name for name in names if name not in readings]
        if unknown:
            raise CommandError(_("There is no setting %(names)s.") % {"names": ", ".join(unknown)})
        shown = {
            name: {"value": redacted(name, readings[name].value), "origin": readings[name].origin} for name in names
        }
        if options["json"]:
            self.tell(shown)
            return
        width = max((len(name) for name in names), default=0)
        for name, reading in shown.items():
            self.say(f"{name:<{width}}  {_readable(reading['value'])}  ({reading['origin']})")


def redacted(name: str, value: Any) -> Any:
    """`value` with every secret in it hidden; what is empty stays so, which is worth knowing."""
    if isinstance(value, dict):
        return {key: redacted(str(key), one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(name, one) for one in value]
    if isinstance(value, str) and value and name.upper().endswith(_SECRET_ENDINGS):
        return HIDDEN
    return _PASSWORD_IN_A_URL.sub(rf"\1\2{HIDDEN}", value) if isinstance(value, str) else value


def _readable(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return "-" if value in ("", None) else str(value)
