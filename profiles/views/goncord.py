"""goncord: the menu, and what applications keep about an account."""

from typing import ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.dialects.goncord import GoncordView
from accounts.serializers.goncord import APPLICATION_TOKEN
from accounts.services import applications
from profiles.serializers.goncord import MenuEntry, UserObject, user_object
from profiles.services import payloads, shared_cards
from tokens.authentication import GoncordToken


class MenuView(GoncordView):
    """GET /api/v0/menu: the active applications that share a role with the user."""

    authentication_classes = (GoncordToken,)

    @extend_schema(responses=MenuEntry(many=True))
    def get(self, request: Request) -> Response:
        found = applications.menu(self.account)
        return Response([{"url": application.url, "name": application.name} for application in found])


class SelfUpdateView(GoncordView):
    """PATCH /api/v0/resource/self_update: an application replaces what it keeps about the user."""

    authentication_classes = (GoncordToken,)
    application_methods = ("PATCH",)
    json_in_forms = ()

    @extend_schema(parameters=[APPLICATION_TOKEN], request=OpenApiTypes.OBJECT, responses=UserObject)
    def patch(self, request: Request) -> Response:
        payloads.store(self.account, payloads.own_change(self.application, self.body()))
        return Response(user_object(self.account, shared_cards.load(self.account)))


class UpdateView(GoncordView):
    """PATCH /api/v0/resource/update: a super application replaces or removes what others keep about the user."""

    authentication_classes = (GoncordToken,)
    super_methods = ("PATCH",)
    json_in_forms: ClassVar[None] = None

    @extend_schema(parameters=[APPLICATION_TOKEN], request=OpenApiTypes.OBJECT, responses=UserObject)
    def patch(self, request: Request) -> Response:
        payloads.store(self.account, payloads.changes(self.body()))
        return Response(user_object(self.account, shared_cards.load(self.account)))
