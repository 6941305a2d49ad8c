"""What the operator may set for accounts; each is read when asked, so a test or a shell can change it."""

import ipaddress

from django.conf import settings


def password_policy() -> str:
    """`contract` (each dialect's own rule) or `strict` (Django's validators too). Default `contract`."""
    return settings.ACCOUNTS_PASSWORD_POLICY


def phone_region() -> str:
    """The region of a phone written without `+`, as an ISO 3166 code. Default `RU`."""
    return settings.ACCOUNTS_PHONE_REGION


def refuses_secrets_in_query() -> bool:
    """Whether gigachat refuses a password or a token in a query string. `REFUSE_SECRETS_IN_QUERY`, default no."""
    return settings.ACCOUNTS_REFUSE_SECRETS_IN_QUERY


def argon2_memory_kib() -> int:
    """Memory of one password hash in KiB. Default 19456 (OWASP's minimum)."""
    return settings.ACCOUNTS_ARGON2_MEMORY_KIB


def argon2_time_cost() -> int:
    """Passes of one password hash. Default 2."""
    return settings.ACCOUNTS_ARGON2_TIME_COST


def argon2_parallelism() -> int:
    """Lanes of one password hash. Default 1."""
    return settings.ACCOUNTS_ARGON2_PARALLELISM


def hashing_slots() -> int:
    """Passwords hashed at a time in one worker. `HASHING_SLOTS`, default the cores shared among the workers."""
    return settings.ACCOUNTS_HASHING_SLOTS


def hashing_queue() -> int:
    """Passwords that may wait for that in one worker, on threads that nothing else may need; the next is refused."""
    return settings.ACCOUNTS_HASHING_QUEUE


def rate_limits() -> bool:
    """Whether attempts are counted at all. `RATE_LIMITS`, default on; off is for load tests."""
    return settings.ACCOUNTS_RATE_LIMITS


def failures_per_account() -> int:
    """Failed sign-ins of one account before it is held back. `FAILURES_PER_ACCOUNT`, default 9."""
    return settings.ACCOUNTS_FAILURES_PER_ACCOUNT


def lockout_seconds() -> int:
    """How long an account is held back at first; each further failure doubles it. `LOCKOUT_SECONDS`, default 30."""
    return settings.ACCOUNTS_LOCKOUT_SECONDS


def longest_lockout_seconds() -> int:
    """The longest an account is held back. `LOCKOUT_MAX_SECONDS`, default 15 minutes."""
    return settings.ACCOUNTS_LOCKOUT_MAX_SECONDS


def lockout_forget_seconds() -> int:
    """How long after its last failure an account starts anew. `LOCKOUT_FORGET_SECONDS`, default 1 hour."""
    return settings.ACCOUNTS_LOCKOUT_FORGET_SECONDS


def failure_window_seconds() -> int:
    """The window of the three budgets below. `FAILURE_WINDOW_SECONDS`, default 10 minutes."""
    return settings.ACCOUNTS_FAILURE_WINDOW_SECONDS


def failures_per_ip() -> int:
    """Failed sign-ins of one address in a window. `FAILURES_PER_IP`, default 300: a school stands behind one."""
    return settings.ACCOUNTS_FAILURES_PER_IP


def failures_of_everybody() -> int:
    """Failed sign-ins of all together in a window. `FAILURES_OF_EVERYBODY`, default 10000."""
    return settings.ACCOUNTS_FAILURES_OF_EVERYBODY


def token_failures_per_ip() -> int:
    """Wrong tokens, application tokens and provider codes, each, of one address in a window. Default 3000."""
    return settings.ACCOUNTS_TOKEN_FAILURES_PER_IP


def registrations_per_ip() -> int:
    """Accounts that one address may make in an hour. `REGISTRATIONS_PER_IP`, default 1000."""
    return settings.ACCOUNTS_REGISTRATIONS_PER_IP


def registrations_per_hour() -> int:
    """Accounts that all together may make in an hour. `REGISTRATIONS_PER_HOUR`, default 20000."""
    return settings.ACCOUNTS_REGISTRATIONS_PER_HOUR


def redis_url() -> str:
    """Where attempts are counted first; "" for the database alone. `REDIS_URL`."""
    return settings.ACCOUNTS_REDIS_URL


def redis_prefix() -> str:
    """What the keys of the counters begin with there. `REDIS_PREFIX`, default `authsite:`."""
    return settings.ACCOUNTS_REDIS_PREFIX


def staff_networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks from which the admin answers; none (the default): all. `STAFF_NETWORKS`."""
    return [ipaddress.ip_network(network, strict=False) for network in settings.ACCOUNTS_STAFF_NETWORKS]


def event_days() -> int:
    """For how many days security events are kept by `purge`. `EVENT_DAYS`, default 400."""
    return settings.ACCOUNTS_EVENT_DAYS
