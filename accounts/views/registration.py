"""registration: making an account."""

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients import Dialect
from accounts.dialects.registration import RegistrationView
from accounts.serializers.registration import RegistrationArguments
from accounts.services import registration
from tokens.serializers.registration import Pair, pair
from tokens.services import refreshing


class RegisterView(RegistrationView):
    """POST /authorization/registration: make an account and sign it in."""

    @extend_schema(request=RegistrationArguments, responses=Pair)
    def post(self, request: Request) -> Response:
        form = self.read(RegistrationArguments)
        candidate = registration.candidate(
            email=form["email"], phone=form["phone_number"], password=form["hash_password"], client=self.client
        )
        with transaction.atomic():
            user = registration.register(candidate, dialect=Dialect.REGISTRATION, client=self.client)
            opened = refreshing.open_pair(user, client=self.client)
        return Response(pair(opened))
