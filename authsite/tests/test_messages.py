"""locale/: every message has its Russian words, and the compiled file is that of the readable one."""

import re
from pathlib import Path

import pytest
from babel.messages import Catalog, extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings

APPS = ("accounts", "authsite", "oauth_providers", "profiles", "tokens")
FOLDER = Path(settings.LOCALE_PATHS[0]) / "ru" / "LC_MESSAGES"
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "ngettext": (1, 2)}
IN_TEMPLATES = re.compile(r"""{%\s*(?:translate|trans)\s+(["'])(.+?)\1""")


def words(catalog: Catalog) -> dict[str, list[str]]:
    """What each message is in Russian, in the singular and, where it counts, the plurals."""
    return {singular(message.id): forms(message.string) for message in catalog if message.id}


def singular(message: str | list[str] | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


def forms(text: str | list[str] | tuple[str, ...]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


@pytest.fixture(scope="module")
def readable() -> dict[str, list[str]]:
    with (FOLDER / "django.po").open("rb") as file:
        return words(read_po(file, locale="ru"))


def in_python() -> set[str]:
    found = set()
    for app in APPS:
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            if {"tests", "migrations"}.isdisjoint(path.parts):
                with path.open("rb") as file:
                    messages = extract.extract("python", file, KEYWORDS)
                    found |= {singular(message) for _, message, _, _ in messages}
    return found


def in_templates() -> set[str]:
    paths = (settings.BASE_DIR / "templates").rglob("*.html")
    return {match[2] for path in paths for match in IN_TEMPLATES.finditer(path.read_text())}


def test_every_message_of_the_code_has_its_russian_words(readable):
    assert {message for message in in_python() | in_templates() if not all(readable.get(message, [""]))} == set()


def test_the_compiled_messages_are_those_that_are_read(readable):
    with (FOLDER / "django.mo").open("rb") as file:
        assert words(read_mo(file)) == readable
