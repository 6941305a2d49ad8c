"""The registration dialect's provider paths: /vk/*, /mail.ru/*, /yandex/*."""

from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.dialects import registration
from accounts.models import Event
from oauth_providers.providers import Identity
from oauth_providers.serializers.registration import (
    CodeArguments,
    DeviceCodeArguments,
    LinkArguments,
    LinkedAnswer,
    PasswordArguments,
    TokenArguments,
    TokensAnswer,
    current_password,
    tokens_answer,
)
from oauth_providers.services import authorization, linking
from tokens.authentication import RegistrationAccessToken
from tokens.serializers.registration import Pair, pair
from tokens.services import refreshing


class ProviderView(registration.RegistrationView):
    """A path of one provider; 503 while that provider is switched off."""

    provider: str = ""
    writes_on_get: ClassVar[bool] = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        authorization.on(self.provider)
        super().initial(request, *args, **kwargs)


class TokenView(ProviderView):
    """A path that takes a provider's token."""

    @property
    def identity(self) -> Identity:
        """Whose token this is; each look asks the provider."""
        token = self.read(TokenArguments)["access_token"]
        return authorization.identify(self.provider, token, client=self.client)


class LinkView(ProviderView):
    """/{provider}/link: where to ask the person's consent; and, with the account's own token, tying and untying."""

    def get_authenticators(self) -> list[Any]:
        # A method that nobody knows is told so; and there is no request while the OpenAPI document is made.
        needs_none = self.request is not None and self.request.method not in ("POST", "DELETE")
        return [] if needs_none else [RegistrationAccessToken()]

    def arguments(self) -> dict[str, Any]:
        # A password belongs in a body, also with DELETE.
        return self.body()

    def confirm(self, form: dict[str, Any], kind: Event.Kind) -> None:
        """The account's owner says the current password again."""
        linking.confirm(self.account, current_password(form), kind=kind, client=self.client)

    @extend_schema(responses=OpenApiTypes.URI)
    def get(self, request: Request) -> Response:
        return Response(authorization.begin(self.provider))

    @extend_schema(request=LinkArguments, responses=LinkedAnswer)
    def post(self, request: Request) -> Response:
        form = self.read(LinkArguments)
        self.confirm(form, Event.Kind.IDENTITY_LINKED)
        identity = authorization.identify(self.provider, form["access_token"], client=self.client)
        linking.link(self.account, identity, client=self.client)
        return Response({"linked": True})

    @extend_schema(request=PasswordArguments, responses=LinkedAnswer)
    def delete(self, request: Request) -> Response:
        form = self.read(PasswordArguments)
        self.confirm(form, Event.Kind.IDENTITY_UNLINKED)
        linking.unlink(self.account, self.provider, client=self.client)
        return Response({"linked": False})


class GetTokenView(ProviderView):
    """GET /{provider}/get/token: the provider's tokens for a code that came back from `link`."""

    @extend_schema(parameters=[CodeArguments], responses=TokensAnswer)
    def get(self, request: Request) -> Response:
        return self.exchanged(self.read(CodeArguments))

    def exchanged(self, form: dict[str, str]) -> Response:
        return Response(tokens_answer(authorization.exchange(self.provider, client=self.client, **form)))


class DeviceGetTokenView(GetTokenView):
    """GET /vk/get/token: the same, with the device that VK ID made the code for."""

    @extend_schema(parameters=[DeviceCodeArguments], responses=TokensAnswer)
    def get(self, request: Request) -> Response:
        return self.exchanged(self.read(DeviceCodeArguments))


class RegistrationView(TokenView):
    """GET and POST /{provider}/registration: make an account that the provider's account opens, and sign it in."""

    @extend_schema(parameters=[TokenArguments], responses=Pair)
    def get(self, request: Request) -> Response:
        applicant = linking.applicant(self.identity, client=self.client)
        with transaction.atomic():
            user = linking.register(applicant, client=self.client)
            opened = refreshing.open_pair(user, client=self.client)
        return Response(pair(opened))

    @extend_schema(request=TokenArguments, responses=Pair)
    def post(self, request: Request) -> Response:
        return self.get(request)


class LoginView(TokenView):
    """GET and POST /{provider}/login: sign in the account that the provider's account opens."""

    @extend_schema(parameters=[TokenArguments], responses=Pair)
    def get(self, request: Request) -> Response:
        user = linking.sign_in(self.identity)
        return Response(pair(refreshing.open_pair(user, client=self.client)))

    @extend_schema(request=TokenArguments, responses=Pair)
    def post(self, request: Request) -> Response:
        return self.get(request)
