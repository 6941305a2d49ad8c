"""How long tokens live; each is read when asked."""

from datetime import timedelta

from django.conf import settings

from accounts.clients import Dialect


def access_lifetime() -> timedelta:
    """Life of a registration access token. `ACCESS_TOKEN_SECONDS`, default 1 hour."""
    return timedelta(seconds=settings.TOKENS_ACCESS_SECONDS)


def lifetime(dialect: Dialect) -> timedelta:
    """Life of a sign-in: opaque tokens 30 days, goncord's 14 days, a registration pair as long as its refresh token."""
    if dialect == Dialect.GONCORD:
        return timedelta(seconds=settings.TOKENS_GONCORD_SECONDS)
    if dialect == Dialect.REGISTRATION:
        # The refresh token lives REFRESH_TOKEN_SECONDS (3 hours) longer than the first access token.
        return access_lifetime() + timedelta(seconds=settings.TOKENS_REFRESH_SECONDS)
    return timedelta(seconds=settings.TOKENS_OPAQUE_SECONDS)


def key_encryption_secrets() -> list[str]:
    """The secrets that signing keys may be sealed under, today's first: KEY_ENCRYPTION_KEY if set, then SECRET_KEYs."""
    own = [settings.KEY_ENCRYPTION_KEY] if settings.KEY_ENCRYPTION_KEY else []
    return [*own, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
