"""How a line of the log is written: in one form, whoever wrote it, and with no secret in it.

All that is not printable ASCII is escaped: no name, agent or path can forge a line or move a terminal's cursor (S71).
"""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.template import TemplateDoesNotExist
from structlog.contextvars import get_contextvars

_QUERY = re.compile(r"\?\S+")
# Their words are made of code, schema and addresses of ours. Those of all others may repeat what somebody sent: a
# KeyError the key, an IntegrityError the e-mail (PostgreSQL's DETAIL), a ValueError the value.
_SPEAKS_OF_CODE = (
    AttributeError,
    ImportError,
    ImproperlyConfigured,
    InterfaceError,
    MemoryError,
    NameError,
    OSError,
    OperationalError,
    ProgrammingError,
    RecursionError,
    TemplateDoesNotExist,
    TypeError,
)
# An exception raised in the course of another tells of that one too, so far back.
_MAX_CAUSES = 5


class JSONLines(logging.Formatter):
    """One JSON object in a line: `timestamp` (UTC), `level`, `logger`, `event`, and what is known of the request.

    That is the record's `facts`, a dictionary, else what is bound; all else in a record is left out, since Django puts
    the request there.
    An exception is told by its kind and its places in the code, without the values it was about.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
            **(getattr(record, "facts", None) or get_contextvars()),
        }
        return self.written(line, _causes(record.exc_info[1]) if record.exc_info else [])

    def written(self, line: dict[str, Any], causes: list[dict[str, Any]]) -> str:
        """`line` with the exceptions that led to it, the last one first."""
        return _escaped({**line, "exception": causes} if causes else line)


class ConsoleLines(JSONLines):
    """The same for people: `timestamp level logger "event" name=value …`, an exception below it, indented."""

    def written(self, line: dict[str, Any], causes: list[dict[str, Any]]) -> str:
        told = [line.pop("timestamp"), line.pop("level"), line.pop("logger"), _escaped(line.pop("event"))]
        lines = [" ".join([*told, *(f"{name}={_escaped(value)}" for name, value in line.items())])]
        for cause in causes:
            lines += [f"    {_escaped(cause['error'])}", *(f"      {_escaped(place)}" for place in cause["at"])]
        return "\n".join(lines)


class SaidElsewhere(logging.Filter):
    """Leaves out what Django and runserver say of an answer: `accounts.requests` has a line about each.

    The line of an exception that became an error of ours stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "server_time"):
            # What runserver itself has to say has no arguments.
            return not record.args
        status = getattr(record, "status_code", None)
        return status is None or (bool(record.exc_info) and status >= 500)


def _event(record: logging.LogRecord) -> str:
    """The words of `record`, without queries: by contract some hold passwords and tokens."""
    if hasattr(record, "status_code"):
        # Django's words would be the path.
        return "an exception that no view has answered"
    return _QUERY.sub("?…", record.getMessage())


def _causes(error: BaseException | None) -> list[dict[str, Any]]:
    causes: list[dict[str, Any]] = []
    while error is not None and len(causes) < _MAX_CAUSES:
        causes.append({"error": _name(error), "at": _places(error.__traceback__)})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return causes


def _name(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, _SPEAKS_OF_CODE):
        # PostgreSQL puts values into the lines that follow the first.
        first_line = _QUERY.sub("?…", (str(error).splitlines() or [""])[0])
        return f"{kind}: {first_line[:300]}"
    return kind


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


def _escaped(value: Any) -> str:
    """`value` as JSON in printable ASCII; of the rest of ASCII, JSON lets DEL through."""
    return json.dumps(value).replace("\x7f", "\\u007f")
