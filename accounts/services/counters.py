"""Counting attempts before they are evaluated, so that many at once cannot all slip under one limit.

A counter is one row, or one hash on Valkey: how much was counted, and a moment. Each decision is one statement, which
two workers cannot both win. Valkey is asked when there is one; what failed is written to the database all the same,
so that a Valkey that is flushed or gone makes this slower, not open.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import redis
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F, QuerySet
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts import conf
from accounts.models import AttemptCounter

logger = logging.getLogger(__name__)

VALKEY_SECONDS = 0.5
VALKEY_REST_SECONDS = 5.0
KEEP_MS = 86_400_000


# One statement decides and counts, and writes nothing where its last line does not hold; both databases know it.
_BACK_OFF = """
INSERT INTO accounts_attemptcounter AS had (key, count, until) VALUES (%(key)s, 1, %(anew)s)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN had.until <= %(forgotten)s THEN 1 ELSE had.count + 1 END,
  until = CASE
    WHEN had.until <= %(forgotten)s THEN %(anew)s
    WHEN had.count + 1 < %(limit)s THEN %(now)s
    WHEN had.count - %(free)s < 30
      AND %(first)s * (CAST(1 AS BIGINT) << CAST(had.count - %(free)s AS INT)) < %(longest)s
      THEN %(now)s + %(first)s * (CAST(1 AS BIGINT) << CAST(had.count - %(free)s AS INT))
    ELSE %(now)s + %(longest)s
  END
WHERE had.count < %(limit)s OR had.until <= %(now)s
"""
_RATE = """
INSERT INTO accounts_attemptcounter AS had (key, count, until) VALUES (%(key)s, 0, %(anew)s)
ON CONFLICT (key) DO UPDATE SET
  until = CASE WHEN had.until < %(now)s THEN %(anew)s ELSE had.until + %(spacing)s END
WHERE had.until <= %(latest)s
"""


@dataclass(frozen=True, slots=True)
class BackOff:
    """`limit` attempts are free; from then on each that is let through holds the next back, for twice as long.

    The row's `count` is of failures and `until` is when the next attempt may come. Nothing for `forget_ms` starts anew.
    """

    key: str
    limit: int
    first_ms: int
    longest_ms: int
    forget_ms: int

    def count(self, cursor: CursorWrapper, now: int) -> bool:
        """Whether this attempt was let through, and with that counted."""
        facts: dict[str, Any] = {
            "key": self.key,
            "limit": self.limit,
            "first": self.first_ms,
            "longest": self.longest_ms,
        }
        moments = {"now": now, "forgotten": now - self.forget_ms, "anew": now + self.first_ms * (self.limit == 1)}
        cursor.execute(_BACK_OFF, {**facts, **moments, "free": self.limit - 1})
        return cursor.rowcount == 1

    def take_back(self, row: QuerySet[AttemptCounter], now: int) -> None:
        # Whoever was let through found no hold, so the one that stands now is its own.
        row.filter(count__gt=0).update(count=F("count") - 1, until=now)

    def wait(self, count: int, until: int, now: int) -> int:
        return 0 if count < self.limit else until - now

    def numbers(self) -> list[int | str]:
        return ["backoff", self.limit, self.first_ms, self.longest_ms, self.forget_ms]


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` attempts at once, and as many in each `window_ms`, evenly (the generic cell rate algorithm).

    The row's `until` is when the last counted attempt would have come had all been evenly spaced.
    """

    key: str
    burst: int
    window_ms: int

    @property
    def spacing_ms(self) -> int:
        return max(1, self.window_ms // self.burst)

    @property
    def slack_ms(self) -> int:
        return (self.burst - 1) * self.spacing_ms

    def count(self, cursor: CursorWrapper, now: int) -> bool:
        """Whether this attempt was let through, and with that counted."""
        facts: dict[str, Any] = {"key": self.key, "now": now, "spacing": self.spacing_ms, "latest": now + self.slack_ms}
        cursor.execute(_RATE, {**facts, "anew": now + self.spacing_ms})
        return cursor.rowcount == 1

    def take_back(self, row: QuerySet[AttemptCounter], now: int) -> None:
        row.update(until=F("until") - self.spacing_ms)

    def wait(self, count: int, until: int, now: int) -> int:
        return until - self.slack_ms - now

    def numbers(self) -> list[int | str]:
        return ["rate", self.burst, self.spacing_ms, self.slack_ms, self.window_ms]


Counter = BackOff | Rate


class HeldBack(Exception):
    """`counter` lets nothing through now, and for `wait_ms` milliseconds more."""

    def __init__(self, counter: Counter, wait_ms: int) -> None:
        self.counter, self.wait_ms = counter, wait_ms
        super().__init__(counter.key)


@dataclass(frozen=True, slots=True)
class Ticket:
    """An attempt that has been counted, and where; what became of it is told once."""

    counters: Sequence[Counter]
    on_valkey: bool

    def take_back(self) -> None:
        """Uncount it: it succeeded, or was never evaluated. What others counted stays."""
        if not self.on_valkey:
            _take_back_in_database(self.counters)
            return
        try:
            _run("take_back", self.counters)
        except redis.RedisError as error:
            # It stays counted, and is forgotten in time.
            _rest(error)

    def keep(self) -> None:
        """It failed: where Valkey counted it the database learns of it too, for the day Valkey has forgotten."""
        if self.on_valkey:
            now = _now()
            for counter in self.counters:
                _count_in_database(counter, now)


def admit(counters: Sequence[Counter]) -> Ticket:
    """Count one attempt on every one of `counters`. Or on none: HeldBack names the first that lets none through."""
    if conf.redis_url() and time.monotonic() >= _valkey_rests_until:
        try:
            _on_valkey(counters)
        except redis.RedisError as error:
            _rest(error)
        else:
            return Ticket(counters, on_valkey=True)
    _in_database(counters)
    return Ticket(counters, on_valkey=False)


def over() -> QuerySet[AttemptCounter]:
    """What was over a day ago and holds nobody back any more."""
    return AttemptCounter.objects.filter(until__lt=_now() - KEEP_MS)


def forget() -> None:
    """Have Valkey forget everything counted there; the database still knows what failed."""
    global _valkey_rests_until
    _valkey_rests_until = 0.0
    if conf.redis_url():
        connection = _connection(conf.redis_url())
        for key in connection.scan_iter(f"{conf.redis_prefix()}*"):
            connection.delete(key)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _in_database(counters: Sequence[Counter]) -> None:
    now = _now()
    # A transaction of its own, always in the same order: one commit, and what holds back undoes what was counted.
    with transaction.atomic():
        for counter in counters:
            if wait := _count_in_database(counter, now):
                raise HeldBack(counter, wait)


def _count_in_database(counter: Counter, now: int) -> int:
    """0 when the attempt was counted, else for how many milliseconds more none is let through."""
    with connection.cursor() as cursor:
        if counter.count(cursor, now):
            return 0
    row = AttemptCounter.objects.filter(key=counter.key).first()
    # Somebody may have taken an attempt back meanwhile; this one was refused all the same.
    return max(1, counter.wait(row.count, row.until, now)) if row else 1


def _take_back_in_database(counters: Sequence[Counter]) -> None:
    now = _now()
    with transaction.atomic():
        for counter in counters:
            counter.take_back(AttemptCounter.objects.filter(key=counter.key), now)


# One step for all the keys of an attempt: all are counted, or none is. The arithmetic is that of BackOff and Rate.
# It answers {0}, or {1, which key holds the attempt back, for how long}, or {2, the keys it knows nothing about …}.
_SCRIPT = """
local now, step, seeded = tonumber(ARGV[1]), ARGV[2], ARGV[3] == "1"
local rows, unknown = {}, {2}
for i, key in ipairs(KEYS) do
  local a = 4 + (i - 1) * 7
  local row = {kind = ARGV[a], a = tonumber(ARGV[a + 1]), b = tonumber(ARGV[a + 2]),
               c = tonumber(ARGV[a + 3]), d = tonumber(ARGV[a + 4])}
  local found = redis.call("HMGET", key, "count", "until")
  if found[1] then
    row.count, row.moment = tonumber(found[1]), tonumber(found[2])
  elseif seeded then
    row.count, row.moment = tonumber(ARGV[a + 5]), tonumber(ARGV[a + 6])
  else
    unknown[#unknown + 1] = i - 1
  end
  rows[i] = row
end
if #unknown > 1 then
  if step == "take_back" then return {0} end
  return unknown
end
if step == "admit" then
  for i, row in ipairs(rows) do
    local wait
    if row.kind == "rate" then
      wait = row.moment - row.c - now
    else
      wait = row.count < row.a and 0 or row.moment - now
    end
    if wait > 0 then return {1, i - 1, wait} end
  end
end
for i, row in ipairs(rows) do
  if row.kind == "rate" then
    row.moment = step == "take_back" and row.moment - row.b or math.max(row.moment, now) + row.b
  elseif step == "take_back" then
    row.count, row.moment = math.max(0, row.count - 1), now
  else
    if row.moment <= now - row.d then row.count = 0 end
    row.count, row.moment = row.count + 1, now
    if row.count >= row.a then
      row.moment = now + math.min(row.c, row.b * 2 ^ math.min(row.count - row.a, 30))
    end
  end
  redis.call("HSET", KEYS[i], "count", string.format("%d", row.count), "until", string.format("%d", row.moment))
  redis.call("PEXPIRE", KEYS[i], string.format("%d", math.max(0, row.moment - now) + row.d))
end
return {0}
"""
_HELD, _UNKNOWN = 1, 2

_valkey_rests_until = 0.0


def _on_valkey(counters: Sequence[Counter]) -> None:
    answer = _run("admit", counters)
    if answer[0] == _UNKNOWN:
        # Never counted here, or forgotten since: the database knows of every failure.
        rows = AttemptCounter.objects.in_bulk([counter.key for counter in counters])
        answer = _run("admit", counters, seeds=rows)
    if answer[0] == _HELD:
        raise HeldBack(counters[answer[1]], answer[2])


def _run(step: str, counters: Sequence[Counter], seeds: Mapping[str, AttemptCounter] | None = None) -> list[int]:
    arguments: list[int | str] = [_now(), step, 0 if seeds is None else 1]
    for counter in counters:
        seed = (seeds or {}).get(counter.key, AttemptCounter())
        arguments += [*counter.numbers(), seed.count, seed.until]
    script = _script(conf.redis_url())
    keys = [f"{conf.redis_prefix()}{counter.key}" for counter in counters]
    return cast("list[int]", script(keys=keys, args=arguments))


def _rest(error: redis.RedisError) -> None:
    """Leave Valkey alone for a few seconds: not every attempt waits for a server that does not answer."""
    global _valkey_rests_until
    _valkey_rests_until = time.monotonic() + VALKEY_REST_SECONDS
    logger.warning("Valkey does not answer (%s): attempts are counted in the database", type(error).__name__)


@cache
def _connection(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=VALKEY_SECONDS,
        socket_connect_timeout=VALKEY_SECONDS,
        # A second try would only wait for as long again.
        retry=Retry(NoBackoff(), 0),
    )


@cache
def _script(url: str) -> Any:
    return _connection(url).register_script(_SCRIPT)
