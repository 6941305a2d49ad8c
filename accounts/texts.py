"""Which characters a text may hold."""

import re

# Code points that Unicode keeps free of any character, in all its planes.
_NO_CHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
# Any text; and one without control characters, so that it is one line. NUL has a refusal of its own.
LINES = f"[^{_NO_CHARACTERS}]*"
LINE = f"[^\x01-\x1f\x7f-\x9f\u2028\u2029{_NO_CHARACTERS}]*"

_NOT_STORED = re.compile("[\x00\ud800-\udfff]")


def is_line(text: str) -> bool:
    """Whether `text` is one line of characters that show or join, and that a database can hold."""
    return re.fullmatch(LINE, text) is not None and _NOT_STORED.search(text) is None
