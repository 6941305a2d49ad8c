"""Which token opens a door: DRF authentication classes that answer (account, sign-in) or refuse."""

from typing import Any, ClassVar, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.clients import Client
from accounts.dialects import origins
from accounts.dialects.base import header
from accounts.errors import ForeignOrigin
from accounts.models import User
from tokens.formats import TokenType
from tokens.models import SignIn
from tokens.services import resolving


def caller(request: Request) -> Client:
    """Who presents the token, by address; `accounts.middleware.TrustedProxies` has put the right one there."""
    return Client.seen(address=request.META.get("REMOTE_ADDR", ""), agent="")


def catalogue_version(request: Request) -> int:
    """The version of the catalogue, read by the statement that decided about the token (`services.resolving`)."""
    return cast("Any", request.auth).catalogue_version


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, the token of one of `accepts`. Raises TokenNotWorking, also when there is none.

    Afterwards `request.user` is the account and `request.auth` its sign-in.
    """

    accepts: ClassVar[tuple[TokenType, ...]]
    scheme_is_optional: ClassVar[bool] = False

    def authenticate(self, request: Request) -> tuple[User, SignIn]:
        sign_in = resolving.resolve(self.presented(request), *self.accepts, client=caller(request))
        return sign_in.user, sign_in

    def presented(self, request: Request) -> str:
        """The token as it was sent, without its scheme; "" when there is none."""
        sent = header(request, "Authorization").strip()
        scheme, _, token = sent.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        return sent if self.scheme_is_optional else ""


class CabinetToken(TokenAuthentication):
    """cabinet: the bare token in `Authorization`, or after `Bearer`."""

    accepts = (TokenType.CABINET,)
    scheme_is_optional = True


class RegistrationAccessToken(TokenAuthentication):
    """registration: `Authorization: Bearer <access>`; the refresh token opens nothing but its own path."""

    accepts = (TokenType.REGISTRATION_ACCESS,)


class GoncordToken(TokenAuthentication):
    """goncord: `Authorization: Bearer <JWT>`; without that header, however empty or bad, the JWT in the cookie `jwt`.

    A browser sends the cookie along for any page, so what changes something must then come from an origin of ours or
    an allowed one. Raises TokenNotWorking before ForeignOrigin.
    """

    accepts = (TokenType.GONCORD,)

    def authenticate(self, request: Request) -> tuple[User, SignIn]:
        found = super().authenticate(request)
        is_harmless = request.method in SAFE_METHODS or "Authorization" in request.headers
        if not is_harmless and not origins.may_act(request._request):
            raise ForeignOrigin
        return found

    def presented(self, request: Request) -> str:
        if "Authorization" in request.headers:
            return super().presented(request)
        return request.COOKIES.get("jwt", "")
