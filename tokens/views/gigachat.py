"""gigachat: signing in, and the controller that verifies, lists and ends the sign-ins of an account."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients import Dialect
from accounts.dialects.gigachat import ControlEnvelope, GigachatView, SignInEnvelope
from accounts.services import credentials
from tokens.authentication import TokenAuthentication
from tokens.models import SignIn
from tokens.serializers.gigachat import (
    AuthArguments,
    Authorized,
    ControlArguments,
    List,
    RevocationArguments,
    Revoked,
    Verified,
    listed,
)
from tokens.services import holders, ledger, revocation

_EITHER = "A working token of the account, of any dialect{}; `Authorization: Bearer` may hold it instead."
TOKEN = OpenApiParameter("token", description=_EITHER.format(""))
TOKEN_OR_PASSWORD = OpenApiParameter("token", description=_EITHER.format(", or its password"))


class AuthView(GigachatView):
    """GET and POST /auth: sign in by username, e-mail or phone; answer an opaque token."""

    envelope = SignInEnvelope()
    writes_on_get = True

    @extend_schema(parameters=[AuthArguments], responses=Authorized)
    def get(self, request: Request) -> Response:
        client, form = self.client, self.read(AuthArguments)
        user = credentials.authenticate(form["username"], form["password"], dialect=Dialect.GIGACHAT, client=client)
        grant = ledger.open_sign_in(user, dialect=Dialect.GIGACHAT, client=client)
        return Response({"status": "Done", "data": {"id": user.pk, "token": grant.secret}})

    @extend_schema(request=AuthArguments, responses=Authorized)
    def post(self, request: Request) -> Response:
        return self.get(request)


class ControlDoor(GigachatView):
    """A call about the sign-ins of an account; the token may come as `Authorization: Bearer`, the argument wins."""

    envelope = ControlEnvelope()

    def arguments(self) -> dict[str, Any]:
        token = TokenAuthentication().presented(self.request)
        return {"token": token, **super().arguments()} if token else super().arguments()

    def holder(self) -> holders.Holder:
        """Whoever the arguments prove. Raises TokenNotWorking, InvalidCredentials, ValidationError."""
        form = self.read(ControlArguments)
        return holders.by_token_or_password(form["id"], form["token"], dialect=Dialect.GIGACHAT, client=self.client)


class VerifyView(ControlDoor):
    """GET /control/tokens/get: is this a working token of this account."""

    @extend_schema(parameters=[ControlArguments, TOKEN], responses=Verified)
    def get(self, request: Request) -> Response:
        form = self.read(ControlArguments)
        return Response({"status": "Done", "data": holders.holds(form["id"], form["token"], client=self.client)})


class ControlView(ControlDoor):
    """/control/tokens: list the working sign-ins of an account, or end them."""

    @extend_schema(parameters=[ControlArguments, TOKEN_OR_PASSWORD], responses=List)
    def get(self, request: Request) -> Response:
        holder = self.holder()
        # Not by `started`, which is a whole second where the token is a JWT and a finer moment elsewhere.
        rows = SignIn.objects.working_of(holder.user).order_by("-id")
        data = [listed(row, is_current=row == holder.sign_in) for row in rows]
        return Response({"status": "Done", "count": len(data), "data": data})

    @extend_schema(
        parameters=[ControlArguments, TOKEN_OR_PASSWORD, RevocationArguments], request=None, responses={200: Revoked}
    )
    def delete(self, request: Request) -> Response:
        holder = self.holder()
        wanted = self.read(RevocationArguments)
        count = revocation.revoke_all(holder.user, **wanted, dialect=Dialect.GIGACHAT, client=self.client)
        return Response({"status": "Done", "count": count})
