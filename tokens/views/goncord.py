"""goncord: signing in, asking whose a token is, signing out."""

from typing import cast

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients import Dialect
from accounts.dialects.goncord import GoncordView
from accounts.services import credentials
from profiles.serializers.goncord import UserObject, user_object
from profiles.services import shared_cards
from tokens.authentication import GoncordToken, catalogue_version
from tokens.models import SignIn
from tokens.serializers.goncord import SignInArguments
from tokens.services import ledger, revocation

SignInAnswer = inline_serializer("SignInAnswer", {"user": UserObject(), "jwt": serializers.CharField()})


class TokensView(GoncordView):
    """POST /api/v0/tokens: sign in by login, e-mail or both. DELETE: sign out."""

    authentication_classes = (GoncordToken,)
    open_methods = ("POST",)

    @extend_schema(request=SignInArguments, responses={201: SignInAnswer})
    def post(self, request: Request) -> Response:
        form = self.read(SignInArguments)
        login, email = form.get("login"), form.get("email")
        user = credentials.verify(
            credentials.find_by_all(login, email),
            form["password"],
            named=login or email or "",
            dialect=Dialect.GONCORD,
            client=self.client,
        )
        grant = ledger.open_sign_in(user, dialect=Dialect.GONCORD, client=self.client)
        return Response({"user": user_object(user, shared_cards.load(user)), "jwt": grant.secret}, status=201)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        revocation.revoke(cast("SignIn", request.auth), dialect=Dialect.GONCORD, client=self.client)
        return Response(status=204)


class ValidateView(GoncordView):
    """GET /api/v0/tokens/validate: the account whose token is presented. One query when its card is remembered."""

    authentication_classes = (GoncordToken,)

    @extend_schema(responses=UserObject)
    def get(self, request: Request) -> Response:
        card = shared_cards.remembered(self.account, catalogue_version=catalogue_version(request))
        return Response(user_object(self.account, card))
