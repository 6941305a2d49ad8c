"""How tokens are written and read; one module a format. Nothing here asks the database."""

from enum import StrEnum


class TokenType(StrEnum):
    """Every type of token that is handed out; each JWT type is signed with keys of its own."""

    CABINET = "cabinet"
    GIGACHAT = "gigachat"
    GONCORD = "goncord"
    REGISTRATION_ACCESS = "registration-access"
    REGISTRATION_REFRESH = "registration-refresh"
