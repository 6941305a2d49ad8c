"""cabinet: making an account, and asking whether a login is free."""

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import identifiers
from accounts.clients import Dialect
from accounts.dialects.cabinet import CabinetView
from accounts.serializers.cabinet import (
    BROWSER,
    LoginCheckAnswer,
    LoginCheckArguments,
    RegistrationArguments,
    registrable,
)
from accounts.services import registration
from profiles.serializers.cabinet import Account, account
from profiles.services import cards, editing
from tokens.services import ledger


class RegistrationView(CabinetView):
    """POST /account/registration: make an account and sign it in."""

    @extend_schema(parameters=[BROWSER], request=RegistrationArguments, responses=Account)
    def post(self, request: Request) -> Response:
        client = self.browser
        form = self.read(RegistrationArguments)
        candidate = registration.candidate(
            username=form["login"], email=form["email"], password=form["password"], client=client
        )
        names = {"first_name": form["first_name"], "last_name": form["last_name"], "middle_name": form["patronymic"]}
        with transaction.atomic():
            user = registration.register(candidate, dialect=Dialect.CABINET, client=client)
            editing.edit(user, **names)
            grant = ledger.open_sign_in(user, dialect=Dialect.CABINET, client=client)
        return Response(account(cards.card(user), cards.permissions(user), grant.secret))


class LoginCheckView(CabinetView):
    """GET /account/login/check: whether registration would take this login."""

    @extend_schema(parameters=[LoginCheckArguments], responses=LoginCheckAnswer)
    def get(self, request: Request) -> Response:
        login = self.read(LoginCheckArguments)["login"].strip().lower()
        is_available = registrable(login) and not registration.taken(identifiers.parse(login))
        message = _("This login is free.") if is_available else _("This login cannot be registered.")
        return Response({"message": message, "is_login_available": is_available})
