"""cabinet: the profile, its editor, the avatar, and the directory."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.dialects.cabinet import CabinetView
from profiles import conf, images
from profiles.errors import AvatarTooLarge
from profiles.serializers.cabinet import (
    Account,
    AvatarAnswer,
    AvatarArguments,
    DirectoryArguments,
    DirectoryEntry,
    Info,
    account,
    directory_entry,
    info,
)
from profiles.services import avatars, directory, editing, own_cards
from profiles.services.cards import Entry
from tokens.authentication import CabinetToken, catalogue_version


class MeView(CabinetView):
    """GET /account/me: the account whose token is presented. One query when its card is remembered."""

    authentication_classes = (CabinetToken,)

    @extend_schema(responses=Account)
    def get(self, request: Request) -> Response:
        own = own_cards.remembered(self.account, catalogue_version=catalogue_version(request))
        return Response(account(own.card, own.permissions, CabinetToken().presented(request)))


class EditInfoView(CabinetView):
    """POST /account/edit/info: change what is told about oneself; answer the six values as they then are."""

    authentication_classes = (CabinetToken,)

    @extend_schema(request=Info, responses=Info)
    def post(self, request: Request) -> Response:
        changes = self.read(Info, instance=editing.of(self.account))
        return Response(info(editing.edit(self.account, **changes)))


class AvatarView(CabinetView):
    """POST and DELETE /account/edit/avatar: give oneself a picture, or take it away."""

    authentication_classes = (CabinetToken,)
    # The file, and the multipart envelope around it.
    max_body_bytes = images.MAX_BYTES + 65_536
    body_too_large = AvatarTooLarge

    @extend_schema(request={"multipart/form-data": AvatarArguments}, responses=AvatarAnswer)
    def post(self, request: Request) -> Response:
        picture = self.read(AvatarArguments)["avatar"].read()
        return Response({"avatar": avatars.address(avatars.replace(self.account, picture))})

    @extend_schema(request=None, responses={200: AvatarAnswer})
    def delete(self, request: Request) -> Response:
        avatars.remove(self.account)
        return Response({"avatar": ""})


class DirectoryDoor(CabinetView):
    """A door of the directory, which is public unless the operator asks for a token."""

    def get_authenticators(self) -> list[Any]:
        return [CabinetToken()] if conf.directory_needs_token() else []

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        # People are found here by those who ask here, not by a search engine.
        response["X-Robots-Tag"] = "noindex, nofollow"
        return super().finalize_response(request, response, *args, **kwargs)


class DirectoryView(DirectoryDoor):
    """GET /info/users/: every active account, streamed; with `limit` one page and a link to the next."""

    @extend_schema(parameters=[DirectoryArguments], responses=DirectoryEntry(many=True))
    def get(self, request: Request) -> HttpResponseBase:
        arguments = self.read(DirectoryArguments)
        limit, after, beginning = (arguments.get("limit"), arguments["after"], arguments["q"])
        if limit is None:
            # The server would run through everybody, and throw it away.
            is_wanted = request.method == "GET"
            return _streamed(directory.pages(after=after, beginning=beginning) if is_wanted else iter(()))
        found = directory.page(after=after, limit=limit + 1, beginning=beginning)
        response = Response([directory_entry(entry) for entry in found[:limit]])
        if len(found) > limit:
            following = {"limit": limit, "after": found[limit - 1].id, **({"q": beginning} if beginning else {})}
            response["Link"] = f'<{conf.public_url()}/info/users/?{urlencode(following)}>; rel="next"'
        return response


class SearchView(DirectoryDoor):
    """GET /info/users/search-<login or id>: one entry."""

    @extend_schema(responses=DirectoryEntry)
    def get(self, request: Request, name: str) -> Response:
        return Response(directory_entry(directory.look_up(name)))


def _streamed(pages: Iterator[list[Entry]]) -> StreamingHttpResponse:
    # The first page is asked for before the answer begins: a database that is away still gets its 503.
    first = next(pages, [])
    return StreamingHttpResponse(_array(chain([first], pages)), content_type="application/json")


def _array(pages: Iterator[list[Entry]]) -> Iterator[bytes]:
    """A JSON array, page by page. An error on the way breaks the connection: a closed array would claim to be whole."""
    opening = "["
    for page in pages:
        text = json.dumps([directory_entry(entry) for entry in page], ensure_ascii=False, separators=(",", ":"))
        yield (opening + text[1:-1]).encode()
        opening = ","
    yield b"]"
