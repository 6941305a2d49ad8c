"""How a line of the log is written."""

import logging
import re

_QUERY = re.compile(r"\?\S*=\S*")


class WithoutQueries(logging.Formatter):
    """Leaves the query string out of every address in a line: by contract some hold passwords and tokens.

    `manage.py runserver` would write each of them; granian writes no line about a request.
    """

    def format(self, record: logging.LogRecord) -> str:
        return _QUERY.sub("?…", super().format(record))
