"""Pairs of access and refresh tokens: one ledger row for the pair and for every access token refreshed from it."""

import logging
from dataclasses import dataclass

from django.db import DatabaseError
from django.utils import timezone

from accounts.clients import Client, Dialect
from accounts.models import Event, User
from accounts.services import events
from tokens import conf
from tokens.formats import TokenType, registration
from tokens.models import SignIn
from tokens.services import keys, ledger, resolving

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pair:
    """A new sign-in of the registration dialect.

    Its tokens are signed when they are asked for: after the transaction that opened it, since a signing key made on
    the spot must not vanish with a transaction that is undone.
    """

    sign_in: SignIn

    @property
    def access(self) -> str:
        """A new access token."""
        return access_token(self.sign_in)

    @property
    def refresh(self) -> str:
        """A refresh token, which works as long as the row."""
        return registration.write(
            TokenType.REGISTRATION_REFRESH,
            user_name=user_name(self.sign_in.user),
            sign_in=self.sign_in.uuid,
            expires=self.sign_in.expires,
            key=keys.signing_key(TokenType.REGISTRATION_REFRESH),
        )


def open_pair(user: User, *, client: Client) -> Pair:
    """Write one ledger row for `user`; return it with an access and a refresh token. Raises AccountNotActive."""
    return Pair(ledger.write(user, dialect=Dialect.REGISTRATION, client=client))


def refresh(sign_in: SignIn, *, client: Client) -> str:
    """A new access token of `sign_in`, just resolved by its refresh token.

    It goes on record once a minute at most for each sign-in; the answer does not depend on that.
    """
    token = access_token(sign_in)
    if timezone.now() - sign_in.last_used > resolving.LAST_USED_GRAIN:
        try:
            events.record(Event.Kind.TOKEN_ISSUED, sign_in.user, dialect=sign_in.dialect, client=client)
        except DatabaseError:
            logger.exception("an event could not be written")
    return token


def access_token(sign_in: SignIn) -> str:
    """A new access token of `sign_in`; it never outlives the row."""
    return registration.write(
        TokenType.REGISTRATION_ACCESS,
        user_name=user_name(sign_in.user),
        sign_in=sign_in.uuid,
        expires=min(timezone.now() + conf.access_lifetime(), sign_in.expires),
        key=keys.signing_key(TokenType.REGISTRATION_ACCESS),
    )


def user_name(user: User) -> str:
    """What the tokens call the account: its e-mail, else its phone, else its username."""
    return user.email or user.phone or user.username
