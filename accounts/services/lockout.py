"""Who has tried too often: one set of counters behind every door, the admin's too.

A password is counted before it is looked at: against the account (or the name, where there is none), against the
caller's address, and against everybody's budget. A success takes back what it counted itself and nothing else.
A token of 256 random bits is no secret one could guess in any number of tries; wrong ones are counted when they have
failed, so that a working token is never held back and costs nothing.
"""

import ipaddress
import math
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.utils.crypto import salted_hmac

from accounts import conf, identifiers
from accounts.clients import Client, Dialect
from accounts.errors import AccountLocked, InvalidIdentifier, Throttled, Unavailable
from accounts.models import Event, User
from accounts.services import counters, events
from accounts.services.counters import BackOff, Counter, HeldBack, Rate

HOUR_MS = 3_600_000
# An address of IPv6 costs nothing: whoever has one has the whole network it is in (RFC 6177).
IPV6_PREFIX = 64
MAX_REMEMBERED = 10_000


class Guess(StrEnum):
    """The secrets that are counted by the caller's address alone, once they have proved wrong."""

    TOKEN = "token"  # noqa: S105 - a name, as the next one
    APPLICATION_TOKEN = "application-token"  # noqa: S105
    PROVIDER = "provider"


class Attempt:
    """One evaluation of a password; say `succeeded` when it was right."""

    def __init__(self) -> None:
        self.counts = True

    def succeeded(self) -> None:
        self.counts = False


@contextmanager
def attempt(user: User | None, *, named: str, dialect: Dialect, client: Client) -> Iterator[Attempt]:
    """Count one attempt to open `user`, or whoever `named` could be, before the body evaluates the secret.

    Raises AccountLocked while the account is held back after failures, for the right secret too, and Throttled while
    the address or everybody is; the body is not run then.
    """
    made = Attempt()
    if not conf.rate_limits():
        yield made
        return
    try:
        ticket = counters.admit(
            [_address("password", conf.failures_per_ip(), client), _everybody(), _account(user, named)]
        )
    except HeldBack as held:
        error = AccountLocked if isinstance(held.counter, BackOff) else Throttled
        _record(held, user, dialect=dialect, client=client)
        raise error(_seconds(held)) from None
    try:
        yield made
    except Unavailable:
        # Nothing was evaluated: there was no room for another hash.
        made.counts = False
        raise
    finally:
        if made.counts:
            ticket.keep()
        else:
            ticket.take_back()


def wrong(guess: Guess, *, client: Client) -> None:
    """Count a token or a code that has proved wrong. Raises Throttled when the address has sent too many."""
    if not conf.rate_limits():
        return
    address = _address(guess, conf.token_failures_per_ip(), client)
    _refuse_remembered(address)
    try:
        counters.admit([address]).keep()
    except HeldBack as held:
        _remember(held)
        raise Throttled(_seconds(held)) from None


def registration(*, client: Client) -> None:
    """Count one account about to be made. Raises Throttled over the quota of the address, or of everybody."""
    if not conf.rate_limits():
        return
    quotas = [
        Rate(_key("registration", _network(client)), conf.registrations_per_ip(), HOUR_MS),
        Rate(_key("registration", "everybody"), conf.registrations_per_hour(), HOUR_MS),
    ]
    try:
        # A quota outlives a restart, also of Valkey.
        counters.admit(quotas).keep()
    except HeldBack as held:
        _record(held, None, dialect=None, client=client)
        raise Throttled(_seconds(held)) from None


def _account(user: User | None, named: str) -> BackOff:
    # The same counter whatever the account was called by; the spelling where nobody is called so, so that a name is
    # held back whether or not it belongs to anybody.
    who = f"id:{user.pk}" if user else f"name:{_spelling(named)}"
    return BackOff(
        _key("account", who),
        conf.failures_per_account(),
        conf.lockout_seconds() * 1000,
        conf.longest_lockout_seconds() * 1000,
        conf.lockout_forget_seconds() * 1000,
    )


def _spelling(named: str) -> str:
    try:
        return identifiers.parse(named).canonical
    except InvalidIdentifier:
        return unicodedata.normalize("NFKC", named[: identifiers.MAX_CHARACTERS]).casefold()


def _address(scope: str, limit: int, client: Client) -> Rate:
    return Rate(_key(scope, _network(client)), limit, conf.failure_window_seconds() * 1000)


def _everybody() -> Rate:
    return Rate(_key("password", "everybody"), conf.failures_of_everybody(), conf.failure_window_seconds() * 1000)


def _network(client: Client) -> str:
    if client.ip is None:
        return "unknown"
    address = ipaddress.ip_address(client.ip)
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return client.ip


def _key(scope: str, who: str) -> str:
    """A key that names nobody: whoever reads the table cannot tell accounts or addresses from it."""
    value = f"{scope}:{who}".encode("utf-8", "replace")
    digest = salted_hmac("accounts.services.lockout", value, algorithm="sha256").hexdigest()
    return f"{scope}:{digest[:40]}"


def _seconds(held: HeldBack) -> int:
    return math.ceil(held.wait_ms / 1000)


# What this process knows to be held back, and until when: neither counted nor recorded again before.
_remembered: dict[str, float] = {}


def _remember(held: HeldBack) -> None:
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
    _remembered[held.counter.key] = time.monotonic() + held.wait_ms / 1000


def _refuse_remembered(counter: Counter) -> None:
    wait = _remembered.get(counter.key, 0.0) - time.monotonic()
    if wait > 0:
        raise Throttled(math.ceil(wait))


def _record(held: HeldBack, user: User | None, *, dialect: Dialect | None, client: Client) -> None:
    """Write one event when somebody is held back; not one for each attempt meanwhile."""
    if _remembered.get(held.counter.key, 0.0) > time.monotonic():
        return
    _remember(held)
    scope = held.counter.key.partition(":")[0]
    events.record_refusal(Event.Kind.THROTTLED, user, dialect=dialect or "", client=client, scope=scope)


def forget() -> None:
    """Forget what this process remembers; the counters themselves stay."""
    _remembered.clear()
