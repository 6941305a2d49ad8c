"""Who is calling, and by which dialect: the facts a sign-in remembers."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from django.db.models import TextChoices

MAX_AGENT_CHARACTERS = 255


class Dialect(TextChoices):
    """The published APIs by which an account can be reached, and our own pages."""

    GIGACHAT = "gigachat", "gigachat"
    GONCORD = "goncord", "goncord"
    REGISTRATION = "registration", "registration"
    CABINET = "cabinet", "cabinet"
    SITE = "site", "site"


@dataclass(frozen=True, slots=True)
class Client:
    """The caller as far as it can be known: its nearest address past our proxies, and what it calls itself."""

    ip: str | None = None
    agent: str = ""

    @classmethod
    def seen(cls, *, address: str, agent: str) -> "Client":
        """A client from what a request says; the agent is cut at 255 characters and loses what no database holds."""
        readable = agent.replace("\x00", "").encode("utf-8", "replace").decode()
        return cls(ip=parse_ip(address), agent=readable[:MAX_AGENT_CHARACTERS])


@lru_cache(maxsize=4_096)
def parse_ip(text: str) -> str | None:
    """The address in its one canonical spelling (IPv4 also when it arrives mapped into IPv6), or None."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_trusted(peer: str, trusted: Iterable[str]) -> bool:
    """Whether `peer` is in one of the `trusted` networks."""
    address = parse_ip(peer)
    if address is None:
        return False
    return any(ipaddress.ip_address(address) in network for network in _networks(tuple(trusted)))


def nearest_untrusted(peer: str, forwarded_for: str, trusted: Iterable[str]) -> str:
    """The address that `X-Forwarded-For` names, believed from the right only as far as `trusted` networks vouch for it.

    An unreadable entry ends the walk at the last address that a trusted proxy itself reported.
    """
    trusted = tuple(trusted)
    chain = [*(entry.strip() for entry in forwarded_for.split(",") if entry.strip()), peer]
    nearest = peer
    for entry in reversed(chain):
        address = parse_ip(entry)
        if address is None:
            return nearest
        nearest = address
        if not is_trusted(address, trusted):
            return nearest
    return nearest


@cache
def _networks(trusted: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(network, strict=False) for network in trusted)
