"""What a password may be before it is hashed. Each dialect's own pattern stands in its serializers."""

import unicodedata

MAX_CHARACTERS = 256


def evaluable(password: str) -> bool:
    """Whether a password is worth a hash: 1 to 256 characters, and text that UTF-8 and a database can carry.

    U+FFFD stands where bytes were no UTF-8: with it all passwords of one length in another encoding would be one.
    """
    is_text = "\x00" not in password and "\ufffd" not in password and not _has_surrogate(password)
    return is_text and 1 <= len(password) <= MAX_CHARACTERS


def normalised(password: str) -> str:
    """NFC, so that one password typed on two keyboards is one (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFC", password)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
