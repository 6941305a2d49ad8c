"""cabinet: the profile, its editor, and the directory."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.dialects.cabinet import CabinetView
from profiles import conf
from profiles.serializers.cabinet import (
    Account,
    DirectoryArguments,
    DirectoryEntry,
    Info,
    account,
    directory_entry,
    info,
)
from profiles.services import cards, directory, editing
from profiles.services.cards import Card
from tokens.authentication import CabinetToken


class MeView(CabinetView):
    """GET /account/me: the account whose token is presented."""

    authentication_classes = (CabinetToken,)

    @extend_schema(responses=Account)
    def get(self, request: Request) -> Response:
        token = CabinetToken().presented(request)
        return Response(account(cards.card(self.account), cards.permissions(self.account), token))


class EditInfoView(CabinetView):
    """POST /account/edit/info: change what is told about oneself; answer the six values as they then are."""

    authentication_classes = (CabinetToken,)

    @extend_schema(request=Info, responses=Info)
    def post(self, request: Request) -> Response:
        changes = self.read(Info, instance=editing.of(self.account))
        return Response(info(editing.edit(self.account, **changes)))


class DirectoryDoor(CabinetView):
    """A door of the directory, which is public unless the operator asks for a token."""

    def get_authenticators(self) -> list[Any]:
        return [CabinetToken()] if conf.directory_needs_token() else []


class DirectoryView(DirectoryDoor):
    """GET /info/users/: every active account, streamed; with `limit` one page and a link to the next."""

    @extend_schema(parameters=[DirectoryArguments], responses=DirectoryEntry(many=True))
    def get(self, request: Request) -> HttpResponseBase:
        arguments = self.read(DirectoryArguments)
        limit, after = arguments.get("limit"), arguments["after"]
        if limit is None:
            return _streamed(directory.everyone(after=after))
        found = directory.page(after=after, limit=limit + 1)
        response = Response([directory_entry(card) for card in found[:limit]])
        if len(found) > limit:
            response["Link"] = (
                f'<{conf.media_base()}/info/users/?limit={limit}&after={found[limit - 1].user.pk}>; rel="next"'
            )
        return response


class SearchView(DirectoryDoor):
    """GET /info/users/search-<login or id>: one entry."""

    @extend_schema(responses=DirectoryEntry)
    def get(self, request: Request, name: str) -> Response:
        return Response(directory_entry(directory.look_up(name)))


def _streamed(found: Iterator[Card]) -> StreamingHttpResponse:
    # The first page is asked for before the answer begins: a database that is away still gets its 503.
    first = next(found, None)
    everyone = chain([first], found) if first else iter(())
    return StreamingHttpResponse(_array(everyone), content_type="application/json")


def _array(found: Iterable[Card]) -> Iterator[bytes]:
    """A JSON array, entry by entry.

    An error on the way breaks the connection: a closed array would claim to be whole.
    """
    yield b"["
    for number, card in enumerate(found):
        yield (b"," if number else b"") + json.dumps(directory_entry(card), ensure_ascii=False).encode()
    yield b"]"
