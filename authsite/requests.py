"""How a request is read before any middleware sees it."""

from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils.http import parse_header_parameters


class _InUTF8(HttpRequest):
    """Addresses and bodies are UTF-8, whatever `Content-Type` says.

    Django decodes the query string, too, by the charset named there: by `bz2_codec` for instance, which is none of
    text, so that the request itself cannot be made and nobody is left to answer. The views refuse such a body.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class UTF8WSGIRequest(_InUTF8, WSGIRequest):
    """A request by WSGI."""


class UTF8ASGIRequest(_InUTF8, ASGIRequest):
    """A request by ASGI."""
