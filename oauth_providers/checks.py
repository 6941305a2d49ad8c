"""Bad combinations of settings, told at start-up."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from accounts.checks import SETTINGS
from oauth_providers import client, conf


@register(Tags.security, SETTINGS)
def check_addresses(**_: Any) -> list[CheckMessage]:
    """Every address of a provider that is on is absolute, and without TLS only on this machine."""
    found: list[CheckMessage] = []
    for key in conf.switched_on():
        facts = conf.provider(key)
        for name in ("authorize_url", "token_url", "userinfo_url", "redirect_uri", "frontend_url"):
            address = getattr(facts, name)
            setting = f"OAUTH_{conf.PREFIXES[key]}_{name.upper()}"
            if name == "frontend_url" and not address:
                continue
            if not _is_absolute(address):
                found.append(Error(f"{setting} is no absolute http(s) address.", id="oauth_providers.E001"))
            elif name in ("token_url", "userinfo_url") and not _is_secret_keeping(address):
                text = f"{setting} is without TLS: codes and tokens would cross the network in the clear."
                found.append(Error(text, id="oauth_providers.E002"))
    return found


@register(Tags.security, SETTINGS)
def check_secrets(**_: Any) -> list[CheckMessage]:
    """Mail.ru and Yandex exchange no code without the client's secret; VK ID does, by the verifier."""
    return [
        Error(
            f"OAUTH_{conf.PREFIXES[key]}_CLIENT_SECRET is empty: {key} will exchange no code.",
            id="oauth_providers.E003",
        )
        for key in conf.switched_on()
        if key != "vk" and not conf.provider(key).client_secret
    ]


@register(Tags.security, deploy=True)
def check_room(**_: Any) -> list[CheckMessage]:
    """Stalled providers leave the server a thread."""
    threads = getattr(settings, "BLOCKING_THREADS", None)
    if threads is not None and conf.switched_on() and conf.calls_at_once() >= threads:
        text = "OAUTH_CALLS_AT_ONCE is not below BLOCKING_THREADS: stalled providers can hold every thread of a worker."
        return [Warning(text, id="oauth_providers.W001")]
    return []


def _is_absolute(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_secret_keeping(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or client.is_loopback(parts.hostname or "")
