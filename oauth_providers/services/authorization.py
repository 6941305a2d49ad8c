"""From `link` to the token: attempts are begun, claimed once by the database, and only then is the provider asked.

State and code are random and single use (RFC 6749 10.5, 10.12; RFC 9700 2.1): each step is one conditional UPDATE whose
count of rows decides. No statement of ours is open while a provider is spoken to.
"""

import contextlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.clients import Client
from accounts.digests import digest
from accounts.services import lockout
from accounts.services.lockout import Guess
from oauth_providers import conf, providers
from oauth_providers.errors import (
    AttemptRefused,
    CodeRefused,
    ConsentRefused,
    ProviderOff,
    ProviderRefusal,
    ProviderTokenRefused,
    TooManyCalls,
)
from oauth_providers.models import AuthorizationAttempt
from oauth_providers.providers import Identity, Provider, Tokens
from tokens import sealing

STATE_BYTES = 32
VERIFIER_BYTES = 48


@dataclass(frozen=True, slots=True)
class Arrival:
    """A state that the callback has taken. `is_ours`: a page of ours began the attempt, in this very browser."""

    attempt: AuthorizationAttempt = field(repr=False)
    is_ours: bool


def on(provider: str) -> Provider:
    """The provider, ready to be asked. Raises ProviderOff when the operator has given it no client id."""
    backend = providers.backend(provider)
    if not backend.facts.is_on:
        raise ProviderOff
    return backend


@sensitive_variables()
def begin(provider: str, *, browser: str = "") -> str:
    """Write an attempt; return the provider's address that asks for the person's consent. One query.

    The state has 256 random bits, is kept as a digest and lives `conf.attempt_seconds()`. `browser` is a secret of the
    browser that a page of ours began in; only that browser can finish such an attempt. Raises ProviderOff.
    """
    backend = on(provider)
    state, verifier = (secrets.token_urlsafe(STATE_BYTES), secrets.token_urlsafe(VERIFIER_BYTES))
    AuthorizationAttempt.objects.create(
        provider=provider,
        state_digest=digest(state),
        sealed=_seal(provider, state, verifier),
        browser_digest=digest(browser) if browser else None,
    )
    return backend.address_to_authorize(state=state, verifier=verifier)


@sensitive_variables()
def arrive(provider: str, *, state: str, code: str, browser: str = "", client: Client) -> Arrival:
    """Take `state` for the callback, once, and remember by digest the `code` it brought. Two queries.

    Raises AttemptRefused for a state that is unknown, taken, used, too old or of another browser, and for a code that
    another attempt has brought; ConsentRefused without a code (the person declined), and the attempt is over. Raises
    Throttled when `client` has brought too many that are wrong.
    """
    now = timezone.now()
    whose = (
        Q(browser_digest__isnull=True) | Q(browser_digest=digest(browser))
        if browser
        else Q(browser_digest__isnull=True)
    )
    attempts = AuthorizationAttempt.objects.usable(provider, since=_oldest(now)).filter(whose, arrived__isnull=True)
    changes = {"code_digest": digest(code)} if code else {"used": now, "sealed": b""}
    if not _claimed(attempts.filter(state_digest=digest(state)), arrived=now, **changes):
        lockout.wrong(Guess.PROVIDER, client=client)
        raise AttemptRefused
    if not code:
        raise ConsentRefused
    attempt = AuthorizationAttempt.objects.get(state_digest=digest(state))
    return Arrival(attempt=attempt, is_ours=attempt.browser_digest is not None)


@sensitive_variables()
def exchange(provider: str, *, code: str, device_id: str = "", state: str = "", client: Client) -> Tokens:
    """Use an attempt up, then exchange `code` with the provider. Three queries, one of them after its answer.

    The attempt is the one of `state`, which must then be fresh and, if our callback saw it, have brought this very
    code; without a state, the one whose callback brought the code. A provider set to take codes without a state makes
    an attempt of an unknown code. Raises ProviderOff, AttemptRefused (bad state), CodeRefused (unknown or used code, or
    the provider's refusal), ProviderUnreachable (TooManyCalls leaves the attempt usable), ProviderNonsense;
    Throttled as `arrive`.
    """
    backend = on(provider)
    now = timezone.now()
    attempts = AuthorizationAttempt.objects.usable(provider, since=_oldest(now)).filter(browser_digest__isnull=True)
    if state:
        its_own = Q(code_digest__isnull=True) | Q(code_digest=digest(code))
        attempts = attempts.filter(its_own, state_digest=digest(state))
        if not _claimed(attempts, used=now, code_digest=digest(code)):
            lockout.wrong(Guess.PROVIDER, client=client)
            raise AttemptRefused
    else:
        is_claimed = _claimed(attempts.filter(code_digest=digest(code)), used=now)
        if not is_claimed and not (backend.facts.stateless_codes and _recorded(provider, code, now)):
            lockout.wrong(Guess.PROVIDER, client=client)
            raise CodeRefused
    attempt = AuthorizationAttempt.objects.get(provider=provider, code_digest=digest(code))
    return _exchanged(backend, attempt, code=code, device_id=device_id, client=client)


@sensitive_variables()
def finish(arrival: Arrival, *, code: str, device_id: str = "", client: Client) -> Tokens:
    """Exchange the code of an attempt that a page of ours began. Raises as `exchange` does."""
    attempt = arrival.attempt
    if not arrival.is_ours or not _claimed(AuthorizationAttempt.objects.filter(pk=attempt.pk, used__isnull=True)):
        raise AttemptRefused
    return _exchanged(on(attempt.provider), attempt, code=code, device_id=device_id, client=client)


@sensitive_variables()
def identify(provider: str, access_token: str, *, client: Client) -> Identity:
    """Whose token this is, if it was issued to us. One query, and one call to the provider where that can help.

    Ours is a token that `exchange` handed out, or one whose client the provider itself says is ours; a provider that
    says it is another's is believed always (security.md S37-S39). Raises ProviderOff, ProviderTokenRefused,
    ProviderUnreachable, ProviderNonsense; Throttled as `arrive`.
    """
    backend = on(provider)
    ours = AuthorizationAttempt.objects.filter(
        provider=provider, token_digest=digest(access_token), token_expires__gt=timezone.now()
    )
    attempt = ours.order_by("-pk").first()
    identity = None
    # A provider that cannot say whose a token is need not be asked about one that we have not handed out.
    if attempt is not None or backend.NAMES_CLIENT:
        with contextlib.suppress(ProviderRefusal):
            identity = backend.identify(access_token, user_id=attempt.token_user_id if attempt else "")
    if identity is not None and _is_ours(identity, backend, was_handed_out=attempt is not None):
        return identity
    lockout.wrong(Guess.PROVIDER, client=client)
    raise ProviderTokenRefused


def over() -> QuerySet[AuthorizationAttempt]:
    """The attempts that can no longer matter: too old to go on, and no token of theirs is good."""
    now = timezone.now()
    no_token = Q(token_expires__isnull=True) | Q(token_expires__lt=now)
    return AuthorizationAttempt.objects.filter(no_token, started__lt=_oldest(now))


def _is_ours(identity: Identity, backend: Provider, *, was_handed_out: bool) -> bool:
    """What the provider says of the client decides; where it says nothing, whether we handed the token out."""
    return identity.client_id == backend.facts.client_id if identity.client_id else was_handed_out


def _oldest(now: datetime) -> datetime:
    return now - timedelta(seconds=conf.attempt_seconds())


def _claimed(attempts, **changes) -> bool:  # type: ignore[no-untyped-def]
    """Whether this very statement changed the row: of many at once, one is told so."""
    try:
        with transaction.atomic():
            return attempts.update(**(changes or {"used": timezone.now()})) == 1
    except IntegrityError:
        # The code belongs to another attempt.
        return False


def _recorded(provider: str, code: str, now: datetime) -> bool:
    """Whether a code without a state is seen for the first time; it is then an attempt of its own, used up."""
    try:
        with transaction.atomic():
            AuthorizationAttempt.objects.create(provider=provider, code_digest=digest(code), started=now, used=now)
    except IntegrityError:
        return False
    return True


@sensitive_variables()
def _exchanged(
    backend: Provider, attempt: AuthorizationAttempt, *, code: str, device_id: str, client: Client
) -> Tokens:
    state, verifier = _unseal(attempt)
    tokens = None
    try:
        with contextlib.suppress(ProviderRefusal):
            tokens = backend.exchange(code, state=state, verifier=verifier, device_id=device_id)
    except TooManyCalls:
        # The provider has not seen the code: whoever brings it again finds the attempt as it was.
        AuthorizationAttempt.objects.filter(pk=attempt.pk).update(used=None)
        raise
    if tokens is None:
        lockout.wrong(Guess.PROVIDER, client=client)
        raise CodeRefused
    lifetime = timedelta(seconds=tokens.expires_in or conf.unlimited_token_seconds())
    AuthorizationAttempt.objects.filter(pk=attempt.pk).update(
        sealed=b"",
        token_digest=digest(tokens.access_token),
        token_user_id=tokens.user_id,
        token_expires=timezone.now() + lifetime,
    )
    return tokens


def _seal(provider: str, state: str, verifier: str) -> bytes:
    return sealing.seal(
        json.dumps([state, verifier]).encode(), purpose=f"oauth-attempt:{provider}", secret=conf.sealing_secrets()[0]
    )


@sensitive_variables()
def _unseal(attempt: AuthorizationAttempt) -> tuple[str, str]:
    """The state and the verifier; two empty texts for a code that came without a state."""
    if not attempt.sealed:
        return "", ""
    try:
        box = sealing.unseal(
            bytes(attempt.sealed), purpose=f"oauth-attempt:{attempt.provider}", secrets=conf.sealing_secrets()
        )
    except sealing.Unsealable:
        # The operator's secret was changed within these ten minutes.
        box = b""
    if not box:
        raise AttemptRefused
    state, verifier = json.loads(box)
    return state, verifier
