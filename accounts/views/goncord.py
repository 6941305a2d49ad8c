"""goncord: making an account, changing it and its password, and its roles."""

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients import Dialect
from accounts.dialects.goncord import GoncordView
from accounts.serializers.goncord import RegistrationArguments
from accounts.services import registration
from profiles.serializers.goncord import UserObject, user_object
from profiles.services import editing, shared_cards
from tokens.authentication import GoncordToken


class UsersView(GoncordView):
    """POST /api/v0/users: make an account."""

    authentication_classes = (GoncordToken,)
    open_methods = ("POST",)

    @extend_schema(request=RegistrationArguments, responses={201: UserObject})
    def post(self, request: Request) -> Response:
        form = self.read(RegistrationArguments)
        identifiers = {name: form.pop(name) for name in ("username", "email", "password")}
        candidate = registration.candidate(**identifiers, client=self.client)
        with transaction.atomic():
            user = registration.register(candidate, dialect=Dialect.GONCORD, client=self.client)
            editing.edit(user, **form)
        return Response(user_object(user, shared_cards.load(user)), status=201)
