"""What the operator may set for profiles; each is read when asked."""

from django.conf import settings


def directory_needs_token() -> bool:
    """Whether `/info/users` asks for a cabinet token. `DIRECTORY_NEEDS_TOKEN`, default no: the contract's is public."""
    return settings.PROFILES_DIRECTORY_NEEDS_TOKEN


def directory_shows_emails() -> bool:
    """Whether directory entries carry e-mails. `DIRECTORY_SHOWS_EMAILS`, default yes."""
    return settings.PROFILES_DIRECTORY_SHOWS_EMAILS


def public_url() -> str:
    """What every absolute address begins with: PUBLIC_URL, never the request's `Host`."""
    return settings.PUBLIC_URL


def card_cache_bytes() -> int:
    """What each worker may keep of cards in memory, in bytes. `CARD_CACHE_BYTES`, default 32 MiB; 0: nothing."""
    return settings.PROFILES_CARD_CACHE_BYTES
