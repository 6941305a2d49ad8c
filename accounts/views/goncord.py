"""goncord: making an account, changing it and its password, and its roles."""

from typing import Any, cast

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients import Dialect
from accounts.dialects.goncord import GoncordView
from accounts.models import Event
from accounts.serializers.goncord import (
    APPLICATION_TOKEN,
    PasswordArguments,
    RegistrationArguments,
    RolesArguments,
    UserChanges,
)
from accounts.services import applications, credentials, events, registration, roles
from profiles.serializers.goncord import RoleEntry, UserObject, user_object
from profiles.services import editing, payloads, shared_cards
from tokens.authentication import GoncordToken
from tokens.models import SignIn
from tokens.services import ledger


class ActingView(GoncordView):
    """A door where an application acts on the user."""

    @property
    def facts(self) -> dict[str, Any]:
        """Who acts, as an event remembers it."""
        actor = applications.actor_of(self.application)
        return {"dialect": Dialect.GONCORD, "client": self.client, "actor": actor}


class UsersView(ActingView):
    """POST /api/v0/users: make an account. PATCH: a super application changes that of the user."""

    authentication_classes = (GoncordToken,)
    open_methods = ("POST",)
    super_methods = ("PATCH",)

    @extend_schema(request=RegistrationArguments, responses={201: UserObject})
    def post(self, request: Request) -> Response:
        form = self.read(RegistrationArguments)
        identifiers = {name: form.pop(name) for name in ("username", "email", "password")}
        candidate = registration.candidate(**identifiers, client=self.client)
        with transaction.atomic():
            user = registration.register(candidate, dialect=Dialect.GONCORD, client=self.client)
            editing.edit(user, **form)
        return Response(user_object(user, shared_cards.load(user)), status=201)

    @extend_schema(parameters=[APPLICATION_TOKEN], request=UserChanges, responses=UserObject)
    def patch(self, request: Request) -> Response:
        form = self.read(UserChanges)
        fields = sorted(form)
        role_names, kept = form.pop("roles", None), payloads.changes(form.pop("apps", None) or {})
        with transaction.atomic():
            editing.edit(self.account, **form)
            if role_names is not None:
                roles.replace(self.account, role_names, **self.facts)
            payloads.store(self.account, kept)
            if fields:
                events.record(Event.Kind.ACCOUNT_CHANGED, self.account, fields=fields, **self.facts)
        return Response(user_object(self.account, shared_cards.load(self.account)))


class ChangePasswordView(GoncordView):
    """POST /api/v0/users/change_password: ends every other sign-in of the account, in every dialect."""

    authentication_classes = (GoncordToken,)
    field_names = {"password": "new_password"}

    @extend_schema(request=PasswordArguments, responses={200: None})
    def post(self, request: Request) -> Response:
        form = self.read(PasswordArguments)
        who: dict[str, Any] = {"dialect": Dialect.GONCORD, "client": self.client}
        encoded = credentials.changed_password(self.account, form.get("old_password"), form["new_password"], **who)
        with transaction.atomic():
            stamp = credentials.store_password(self.account, encoded, **who)
            ledger.restamp(cast("SignIn", request.auth), stamp)
        return Response()


class RolesView(ActingView):
    """POST /api/v0/roles: a super application gives the user roles. DELETE: it takes them away."""

    authentication_classes = (GoncordToken,)
    super_methods = ("POST", "DELETE")

    @extend_schema(parameters=[APPLICATION_TOKEN], request=RolesArguments, responses=RoleEntry(many=True))
    def post(self, request: Request) -> Response:
        names = self.read(RolesArguments)["roles"]
        roles.grant(self.account, names, **self.facts)
        return Response([{"name": name} for name in names])

    @extend_schema(parameters=[APPLICATION_TOKEN], request=RolesArguments, responses={204: None})
    def delete(self, request: Request) -> Response:
        roles.withdraw(self.account, self.read(RolesArguments)["roles"], **self.facts)
        return Response(status=204)
