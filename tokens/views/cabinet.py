"""cabinet: signing in."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients import Dialect
from accounts.dialects.cabinet import CabinetView
from accounts.serializers.cabinet import BROWSER
from accounts.services import credentials
from profiles.serializers.cabinet import Account, account
from profiles.services import cards
from tokens.serializers.cabinet import LoginArguments
from tokens.services import ledger


class LoginView(CabinetView):
    """POST /account/login: sign in by login, e-mail or both; both must name one account."""

    @extend_schema(parameters=[BROWSER], request=LoginArguments, responses=Account)
    def post(self, request: Request) -> Response:
        client = self.browser
        form = self.read(LoginArguments)
        login, email = form.get("login"), form.get("email")
        user = credentials.verify(
            credentials.find_by_all(login, email),
            form["password"],
            named=login or email or "",
            dialect=Dialect.CABINET,
            client=client,
        )
        grant = ledger.open_sign_in(user, dialect=Dialect.CABINET, client=client)
        return Response(account(cards.card(user), cards.permissions(user), grant.secret))
