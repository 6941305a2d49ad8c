"""What the operator may set for accounts; each is read when asked, so a test or a shell can change it."""

from django.conf import settings


def password_policy() -> str:
    """`contract` (each dialect's own rule) or `strict` (Django's validators too). Default `contract`."""
    return settings.ACCOUNTS_PASSWORD_POLICY


def phone_region() -> str:
    """The region of a phone written without `+`, as an ISO 3166 code. Default `RU`."""
    return settings.ACCOUNTS_PHONE_REGION


def argon2_memory_kib() -> int:
    """Memory of one password hash in KiB. Default 19456 (OWASP's minimum)."""
    return settings.ACCOUNTS_ARGON2_MEMORY_KIB


def argon2_time_cost() -> int:
    """Passes of one password hash. Default 2."""
    return settings.ACCOUNTS_ARGON2_TIME_COST


def argon2_parallelism() -> int:
    """Lanes of one password hash. Default 1."""
    return settings.ACCOUNTS_ARGON2_PARALLELISM
