"""gigachat: making an account."""

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients import Dialect
from accounts.dialects.gigachat import GigachatView
from accounts.serializers.gigachat import RegisterArguments, Registered, RegisterForm, registered
from accounts.services import registration
from tokens.services import ledger


class RegisterView(GigachatView):
    """/register: make an account; GET signs it in, POST only when `create_token` says so."""

    writes_on_get = True

    @extend_schema(parameters=[RegisterArguments], responses=Registered)
    def get(self, request: Request) -> Response:
        return self.register(**self.read(RegisterArguments), create_token=True)

    @extend_schema(request=RegisterForm, responses=Registered)
    def post(self, request: Request) -> Response:
        return self.register(**self.read(RegisterForm))

    def register(self, *, create_token: bool, **form: str) -> Response:
        candidate = registration.candidate(**form, client=self.client)
        with transaction.atomic():
            user = registration.register(candidate, dialect=Dialect.GIGACHAT, client=self.client)
            grant = None
            if create_token:
                grant = ledger.open_sign_in(user, dialect=Dialect.GIGACHAT, client=self.client)
        return Response(registered(user, grant.secret if grant else None))
