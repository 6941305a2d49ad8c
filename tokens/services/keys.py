"""The rings of signing keys: made when first needed, rotated without refusing one valid token, cached per worker."""

import os
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from accounts.clients import Dialect
from accounts.models import Event
from accounts.services import events
from tokens import conf, sealing
from tokens.formats import TokenType, goncord, registration
from tokens.models import SigningKey

SECRET_BYTES = 64
REREAD_AFTER_SECONDS = 5.0
# Longer than REREAD_AFTER_SECONDS: when a new key begins to sign, every worker has already read it.
BEGIN_SIGNING_AFTER = timedelta(seconds=10)
# For whoever asks afterwards when a key ended.
KEEP_RETIRED = timedelta(days=1)
ALGORITHMS = {
    TokenType.GONCORD: goncord.ALGORITHM,
    TokenType.REGISTRATION_ACCESS: registration.ALGORITHM,
    TokenType.REGISTRATION_REFRESH: registration.ALGORITHM,
}
_DIALECTS = {
    TokenType.GONCORD: Dialect.GONCORD,
    TokenType.REGISTRATION_ACCESS: Dialect.REGISTRATION,
    TokenType.REGISTRATION_REFRESH: Dialect.REGISTRATION,
}


@dataclass(frozen=True, slots=True)
class _Key:
    secret: bytes
    current_from: datetime
    retire_after: datetime | None


_rings: dict[TokenType, tuple[float, list[_Key]]] = {}
_lock = threading.Lock()


def signing_key(token_type: TokenType) -> bytes:
    """The key that signs now; the first is made on the spot. Call it before a transaction begins, or after it."""
    key = _signing(_ring(token_type))
    if key is None:
        _make(token_type)
        forget()
        key = _signing(_ring(token_type))
        assert key is not None
    return key.secret


def verifying_keys(token_type: TokenType) -> list[bytes]:
    """The keys that vouch for a token now, newest first."""
    now = timezone.now()
    return [key.secret for key in _ring(token_type) if key.retire_after is None or key.retire_after > now]


def rotate(token_type: TokenType, *, retire_now: bool = False, actor: str = "") -> SigningKey:
    """Add a key that signs in ten seconds; the present ones verify until the last token they signed has expired.

    With `retire_now` (a key has leaked) the new key signs at once and nothing older verifies any more.
    Of two rotations at once the later one is an IntegrityError, and changes nothing.
    """
    now = timezone.now()
    begin = now if retire_now else now + BEGIN_SIGNING_AFTER
    until = now if retire_now else begin + conf.lifetime(_DIALECTS[token_type])
    with transaction.atomic():
        present = SigningKey.objects.filter(token_type=token_type)
        newest = present.order_by("-generation").first()
        present.filter(retire_after__isnull=True).update(retire_after=until)
        if retire_now:
            present.update(retire_after=until)
        key = _new(token_type, generation=newest.generation + 1 if newest else 1, current_from=begin)
        key.save(force_insert=True)
        events.record(Event.Kind.KEY_ROTATED, actor=actor, token_type=token_type, generation=key.generation)
    forget()
    return key


def over() -> QuerySet[SigningKey]:
    """The keys that vouch for nothing any more. The newest of each type stays, for the number of the next."""
    newest = SigningKey.objects.filter(token_type=OuterRef("token_type")).order_by("-generation").values("pk")[:1]
    return SigningKey.objects.filter(retire_after__lt=timezone.now() - KEEP_RETIRED).exclude(pk=Subquery(newest))


def forget() -> None:
    """Read the rings anew when next needed."""
    with _lock:
        _rings.clear()


def _ring(token_type: TokenType) -> list[_Key]:
    read_at, ring = _rings.get(token_type, (0.0, []))
    # An empty ring is never remembered: another worker may be making its first key now.
    if ring and time.monotonic() - read_at < REREAD_AFTER_SECONDS:
        return ring
    ring = [key for row in _rows(token_type) for key in _open(row)]
    with _lock:
        _rings[token_type] = (time.monotonic(), ring)
    return ring


def _rows(token_type: TokenType) -> list[SigningKey]:
    return list(SigningKey.objects.filter(token_type=token_type).order_by("-generation"))


def _signing(ring: list[_Key]) -> _Key | None:
    now = timezone.now()
    good = [key for key in ring if key.retire_after is None or key.retire_after > now]
    # A key made by a host whose clock is ahead of ours begins in a moment; where there is no other, it signs already.
    return next((key for key in good if key.current_from <= now), good[0] if good else None)


def _open(row: SigningKey) -> list[_Key]:
    try:
        secret = sealing.unseal(
            bytes(row.sealed_secret),
            purpose=_purpose(row.token_type, row.generation),
            secrets=conf.key_encryption_secrets(),
        )
    except sealing.Unsealable:
        # Sealed under a secret the operator no longer names: what it signed is refused, new tokens get a new key.
        return []
    return [_Key(secret, row.current_from, row.retire_after)]


def _make(token_type: TokenType) -> None:
    rows = _rows(token_type)
    if _signing([key for row in rows for key in _open(row)]):
        # Made by another worker since the ring was read. A second one would be refused where the first is remembered.
        return
    try:
        with transaction.atomic():
            generation = rows[0].generation + 1 if rows else 1
            _new(token_type, generation=generation, current_from=timezone.now()).save(force_insert=True)
    except IntegrityError:
        pass  # Another worker was first; its key serves both.


def _new(token_type: TokenType, *, generation: int, current_from: datetime) -> SigningKey:
    sealed = sealing.seal(
        os.urandom(SECRET_BYTES), purpose=_purpose(token_type, generation), secret=conf.key_encryption_secrets()[0]
    )
    return SigningKey(
        token_type=token_type,
        generation=generation,
        algorithm=ALGORITHMS[token_type],
        sealed_secret=sealed,
        current_from=current_from,
    )


def _purpose(token_type: str, generation: int) -> str:
    return f"signing-key:{token_type}:{generation}"
