"""How social-core meets this house: our table, no session, no request, no settings but ours."""

from typing import Any, NoReturn

from django.db import IntegrityError
from social_django.storage import BaseDjangoStorage
from social_django.strategy import DjangoStrategy

from oauth_providers.models import LinkedIdentity


class Storage(BaseDjangoStorage):
    """social-auth-app-django's storage with the one table that is needed. Attempts have a service of their own."""

    user = LinkedIdentity

    @classmethod
    def is_integrity_error(cls, exception: BaseException) -> bool:
        return isinstance(exception, IntegrityError)


class Strategy(DjangoStrategy):
    """social-auth-app-django's strategy for services that see no request.

    State and verifier are handed to a backend by its caller, so nothing is ever looked for in a session, and absolute
    addresses come from the settings, so nothing is ever built from `Host`.
    """

    def __init__(self) -> None:
        super().__init__(Storage)

    def get_setting(self, name: str) -> NoReturn:
        """No `SOCIAL_AUTH_*` setting exists here: each falls back to what social-core or our backend says."""
        raise AttributeError(name)

    def session_get(self, name: str, default: Any = None) -> Any:
        return default

    def session_set(self, name: str, value: Any) -> NoReturn:
        raise NotImplementedError("A provider's flow keeps its state in AuthorizationAttempt, not in a session.")
