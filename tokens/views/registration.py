"""registration: signing in, and what becomes of the tokens."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients import Dialect
from accounts.dialects.registration import RegistrationView
from accounts.errors import TokenNotWorking
from accounts.services import credentials
from tokens.formats import TokenType
from tokens.serializers.registration import (
    REFRESHED,
    REFUSED,
    AccessArguments,
    EmailLoginArguments,
    Pair,
    PhoneLoginArguments,
    RefreshArguments,
    pair,
)
from tokens.services import refreshing, resolving


class EmailLoginView(RegistrationView):
    """POST /authorization/login/email: sign in; as at every sign-in, any identifier of the account will do."""

    @extend_schema(request=EmailLoginArguments, responses=Pair)
    def post(self, request: Request) -> Response:
        form = self.read(EmailLoginArguments)
        user = credentials.authenticate(
            form["email"], form["hash_password"], dialect=Dialect.REGISTRATION, client=self.client
        )
        return Response(pair(refreshing.open_pair(user, client=self.client)))


class PhoneLoginView(RegistrationView):
    """POST /authorization/login/phone/number: sign in; the phone may be spelled in any way that is that number."""

    @extend_schema(request=PhoneLoginArguments, responses=Pair)
    def post(self, request: Request) -> Response:
        form = self.read(PhoneLoginArguments)
        user = credentials.authenticate(
            form["phone_number"], form["hash_password"], dialect=Dialect.REGISTRATION, client=self.client
        )
        return Response(pair(refreshing.open_pair(user, client=self.client)))


class ValidationView(RegistrationView):
    """A door that says whether a token works. It never refuses one: `false` is an answer."""

    def arguments(self) -> dict[str, Any]:
        """The query string; a cookie stands in for a parameter that is absent or empty."""
        return {**self.request.COOKIES, **{name: value for name, value in self.query().items() if value != ""}}


def _token(name: str) -> list[OpenApiParameter]:
    told = f"The {name} token; the cookie of this name stands in for an absent parameter."
    places: tuple[Any, ...] = (OpenApiParameter.QUERY, OpenApiParameter.COOKIE)
    return [OpenApiParameter(name, OpenApiTypes.STR, place, description=told) for place in places]


class RefreshView(ValidationView):
    """GET /validate/jwt/refresh: a new access token for a working refresh token, which stays as it is; else `false`."""

    @extend_schema(parameters=_token("refresh"), responses={200: {"oneOf": [REFRESHED, REFUSED]}})
    def get(self, request: Request) -> Response:
        token = self.read(RefreshArguments)["refresh"]
        try:
            sign_in = resolving.resolve(token, TokenType.REGISTRATION_REFRESH, client=self.client)
        except TokenNotWorking:
            return Response(False)
        return Response({"access": refreshing.refresh(sign_in, client=self.client), "email": sign_in.user.email or ""})


class AccessView(ValidationView):
    """GET /validate/jwt/access: whether this is a working access token."""

    @extend_schema(parameters=_token("access"), responses=OpenApiTypes.BOOL)
    def get(self, request: Request) -> Response:
        token = self.read(AccessArguments)["access"]
        try:
            resolving.resolve(token, TokenType.REGISTRATION_ACCESS, client=self.client)
        except TokenNotWorking:
            return Response(False)
        return Response(True)
