"""The files of avatars, where Django's storage keeps them on this machine."""

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts.clients import Dialect
from accounts.dialects.base import DialectView
from profiles.services import avatars


class MediaView(DialectView):
    """GET /media/<name>: a file of an avatar that is shown; nothing else is ever served from there."""

    dialect = Dialect.SITE

    @extend_schema(responses={(200, "image/webp"): OpenApiTypes.BINARY})
    def get(self, request: Request, name: str) -> FileResponse:
        # A name is never used twice. Only the browser that asked keeps it: a shared cache would outlive a deletion.
        headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
        return FileResponse(avatars.opened(name), content_type="image/webp", headers=headers)
