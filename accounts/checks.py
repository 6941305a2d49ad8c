"""Bad combinations of settings, told at start-up."""

import ipaddress
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register

from accounts import conf

# What these checks ask costs next to nothing, so that a server can ask it before it listens.
SETTINGS = "settings"


@register(Tags.security, SETTINGS)
def check_trusted_proxies(**_: Any) -> list[CheckMessage]:
    """Every entry of TRUSTED_PROXIES and of STAFF_NETWORKS is a network."""
    named = {"TRUSTED_PROXIES": settings.TRUSTED_PROXIES, "STAFF_NETWORKS": settings.ACCOUNTS_STAFF_NETWORKS}
    found: list[CheckMessage] = []
    for name, networks in named.items():
        for network in networks:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                found.append(Error(f"{name} names {network!r}, which is no network.", id="accounts.E001"))
    return found


@register(Tags.security, deploy=True)
def check_password_cost(**_: Any) -> list[CheckMessage]:
    """The password hash is at least OWASP's minimum."""
    if conf.argon2_memory_kib() * conf.argon2_time_cost() < 7168 * 5:
        text = "Passwords are hashed below OWASP's minimum: raise ARGON2_MEMORY_KIB or ARGON2_TIME_COST."
        return [Warning(text, id="accounts.W001")]
    return []


@register(Tags.security, deploy=True)
def check_password_policy(**_: Any) -> list[CheckMessage]:
    """The dialects' own password rules are the contract's, and weaker than today's advice."""
    if conf.password_policy() == "contract":
        text = "PASSWORD_POLICY is `contract`: short and common passwords are accepted. `strict` refuses them."
        return [Info(text, id="accounts.I001")]
    return []
