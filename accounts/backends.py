"""Django's own sign-in, for the admin: the same check as every other door."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from structlog.contextvars import bind_contextvars

from accounts.clients import Client, Dialect
from accounts.errors import DomainError, Throttled, Unavailable
from accounts.models import User
from accounts.services import credentials


class AccountBackend(ModelBackend):
    """Signs staff in by any identifier. Rights are the account's own and its groups'; a role gives none here."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        address = request.META.get("REMOTE_ADDR", "") if request else ""
        agent = request.headers.get("User-Agent", "") if request else ""
        client = Client.seen(address=address, agent=agent)
        try:
            return credentials.authenticate(username or "", password or "", dialect=Dialect.SITE, client=client)
        except (Throttled, Unavailable):
            # Not a wrong password: `accounts.middleware.Refusals` says so on a page.
            raise
        except DomainError as error:
            bind_contextvars(outcome=type(error).__name__)
            return None
