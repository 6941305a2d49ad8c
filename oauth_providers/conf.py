"""The settings of this app; nothing else reads `OAUTH_*`. Each is read when asked for, so a test may change it."""

from dataclasses import dataclass, field

from django.conf import settings

from tokens.conf import key_encryption_secrets

# The part of a setting's name that stands for each provider, by the first segment of its paths.
PREFIXES = {"vk": "VK", "mail.ru": "MAILRU", "yandex": "YANDEX"}

_DEFAULT_URLS = {
    "vk": ("https://id.vk.com/authorize", "https://id.vk.com/oauth2/auth", "https://id.vk.com/oauth2/user_info"),
    "mail.ru": ("https://oauth.mail.ru/login", "https://oauth.mail.ru/token", "https://oauth.mail.ru/userinfo"),
    "yandex": ("https://oauth.yandex.ru/authorize", "https://oauth.yandex.ru/token", "https://login.yandex.ru/info"),
}


@dataclass(frozen=True)
class ProviderSettings:
    """What an operator decides about one provider; without a `client_id` the provider is off."""

    key: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    authorize_url: str
    token_url: str
    userinfo_url: str
    frontend_url: str
    stateless_codes: bool

    @property
    def is_on(self) -> bool:
        return bool(self.client_id)


def provider(key: str) -> ProviderSettings:
    """The settings `OAUTH_<VK|MAILRU|YANDEX>_*` of the provider `key`, a key of PREFIXES.

    CLIENT_ID (default "": off), CLIENT_SECRET (""), REDIRECT_URI (default: this server's own `/<key>/callback`),
    AUTHORIZE_URL, TOKEN_URL, USERINFO_URL (the provider's own), FRONTEND_URL (default "": our page answers the
    callback, nothing is forwarded), STATELESS_CODES (default False; not for VK ID, whose codes need our verifier).
    """
    authorize_url, token_url, userinfo_url = _DEFAULT_URLS[key]
    return ProviderSettings(
        key=key,
        client_id=_read(key, "CLIENT_ID"),
        client_secret=_read(key, "CLIENT_SECRET"),
        redirect_uri=_read(key, "REDIRECT_URI") or f"{settings.PUBLIC_URL.rstrip('/')}/{key}/callback",
        authorize_url=_read(key, "AUTHORIZE_URL") or authorize_url,
        token_url=_read(key, "TOKEN_URL") or token_url,
        userinfo_url=_read(key, "USERINFO_URL") or userinfo_url,
        frontend_url=_read(key, "FRONTEND_URL"),
        stateless_codes=key != "vk" and bool(getattr(settings, f"OAUTH_{PREFIXES[key]}_STATELESS_CODES", False)),
    )


def switched_on() -> list[str]:
    """The providers that have a client id."""
    return [key for key in PREFIXES if provider(key).is_on]


def connect_seconds() -> float:
    """Seconds to find and reach a provider's host; 3."""
    return getattr(settings, "OAUTH_PROVIDERS_CONNECT_SECONDS", 3.0)


def call_seconds() -> float:
    """Seconds one call to a provider may take in all, by the wall clock; 5."""
    return getattr(settings, "OAUTH_PROVIDERS_CALL_SECONDS", 5.0)


def answer_bytes() -> int:
    """Bytes a provider's answer may have; 65 536."""
    return getattr(settings, "OAUTH_PROVIDERS_ANSWER_BYTES", 64 * 1024)


def calls_at_once() -> int:
    """Calls to providers a worker process may have under way, fewer than its threads. OAUTH_CALLS_AT_ONCE, 8."""
    return getattr(settings, "OAUTH_PROVIDERS_CALLS_AT_ONCE", 8)


def attempt_seconds() -> int:
    """Seconds from `link` until an attempt, its state and its code are too old; 600."""
    return getattr(settings, "OAUTH_PROVIDERS_ATTEMPT_SECONDS", 600)


def unlimited_token_seconds() -> int:
    """Seconds a token is accepted for whose provider named no lifetime; 86 400."""
    return getattr(settings, "OAUTH_PROVIDERS_UNLIMITED_TOKEN_SECONDS", 86_400)


def sealing_secrets() -> list[str]:
    """The secrets an attempt may be sealed under, today's first: as for signing keys."""
    return key_encryption_secrets()


def _read(key: str, name: str) -> str:
    return getattr(settings, f"OAUTH_{PREFIXES[key]}_{name}", "") or ""
