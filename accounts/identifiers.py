"""Usernames, e-mails and phones: which of the three a text is, and the one spelling that makes it unique.

One rule for every door (contract, "Identifiers"). The canonical spelling is computed here and never by a database:
SQLite's LOWER() knows ASCII only and PostgreSQL's follows its locale.
"""

import re
import secrets
import string
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

import idna
import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from accounts import conf
from accounts.errors import InvalidIdentifier

MAX_CHARACTERS = 254
MAX_USERNAME_CHARACTERS = 64
MAX_ACCOUNT_ID = 2**63 - 1
GENERATED_ALPHABET = string.ascii_lowercase + string.digits

_PHONE_MARKS = frozenset("()-. ")
_FORBIDDEN_IN_USERNAME = frozenset("/\\?#%@")
# Letters and marks that Unicode calls default-ignorable though their category is not Cf: they show nothing.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufffd\U000e0100-\U000e01ef]"
)


class Kind(StrEnum):
    """The three kinds of identifier; the values are the names of the columns."""

    USERNAME = "username"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A well-formed identifier: what is stored and shown, and what is unique."""

    kind: Kind
    value: str
    canonical: str


def kind(text: str) -> Kind:
    """Which kind `text` is, decided by its spelling after NFKC and nothing else."""
    text = unicodedata.normalize("NFKC", text)
    if "@" in text:
        return Kind.EMAIL
    if text.startswith("+"):
        return Kind.PHONE
    rest = [character for character in text if not character.isdecimal()]
    if len(text) - len(rest) >= 10 and _PHONE_MARKS.issuperset(rest):
        return Kind.PHONE
    return Kind.USERNAME


def parse(text: str) -> Identifier:
    """`text` as the identifier its spelling says it is. Raises InvalidIdentifier about the kind it looks like."""
    return expect(kind(text[: MAX_CHARACTERS + 1]), text)


def expect(wanted: Kind, text: str) -> Identifier:
    """`text` as an identifier of the `wanted` kind. Raises InvalidIdentifier when it is another kind or malformed."""
    if not text or len(text) > MAX_CHARACTERS:
        raise InvalidIdentifier(wanted)
    text = unicodedata.normalize("NFKC", text)
    if kind(text) != wanted:
        raise InvalidIdentifier(wanted)
    return _READERS[wanted](text)


def canonical(wanted: Kind, text: str) -> str:
    """The unique spelling of a stored identifier. Raises InvalidIdentifier."""
    return expect(wanted, text).canonical


def account_id(text: str) -> int | None:
    """The account id that `text` writes as a number is written, as far as a database can hold it; else None.

    `055` is nobody's id, so that it finds whoever is called so.
    """
    number = int(text) if re.fullmatch(r"[1-9][0-9]{0,18}", text) else 0
    return number if 0 < number <= MAX_ACCOUNT_ID else None


def folded(text: str) -> str:
    """NFKC, case folding and NFKC again: equal for texts that differ only in case or in their code points."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def generated_username() -> str:
    """`user_` and twelve of a-z and 0-9, for an account made without a username."""
    return "user_" + "".join(secrets.choice(GENERATED_ALPHABET) for _ in range(12))


def _username(text: str) -> Identifier:
    # Categories C* are controls, zero-width and bidi marks, surrogates and what Unicode has not assigned.
    if (
        len(text) > MAX_USERNAME_CHARACTERS
        or not _FORBIDDEN_IN_USERNAME.isdisjoint(text)
        or any(character.isspace() or unicodedata.category(character)[0] in "CZ" for character in text)
        or _INVISIBLE.search(text)
    ):
        raise InvalidIdentifier(Kind.USERNAME)
    return Identifier(Kind.USERNAME, text, folded(text))


def _email(text: str) -> Identifier:
    if len(text) > MAX_CHARACTERS:
        raise InvalidIdentifier(Kind.EMAIL)
    try:
        EmailValidator()(text)
        local, domain = text.rsplit("@", 1)
        if not domain.startswith("["):
            # IDNA 2008 keeps ß apart from ss, which case folding would join.
            domain = idna.encode(domain, uts46=True).decode()
    except (ValidationError, idna.IDNAError, UnicodeError) as error:
        raise InvalidIdentifier(Kind.EMAIL) from error
    spelling = f"{local.lower()}@{domain.lower()}"
    if len(spelling) > MAX_CHARACTERS:
        raise InvalidIdentifier(Kind.EMAIL)
    return Identifier(Kind.EMAIL, text, spelling)


def _phone(text: str) -> Identifier:
    if not all(character.isdecimal() or character in _PHONE_MARKS or character == "+" for character in text):
        raise InvalidIdentifier(Kind.PHONE)
    try:
        number = phonenumbers.parse(text, conf.phone_region())
    except phonenumbers.NumberParseException as error:
        raise InvalidIdentifier(Kind.PHONE) from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidIdentifier(Kind.PHONE)
    spelling = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Identifier(Kind.PHONE, spelling, spelling)


_READERS = {Kind.USERNAME: _username, Kind.EMAIL: _email, Kind.PHONE: _phone}
