"""How a request is read before any middleware sees it."""

from tempfile import SpooledTemporaryFile
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils.http import parse_header_parameters

# More than any view takes. What is longer is left where it is, and refused by its length so far.
MAX_BYTES = 32 * 1_048_576
MAX_BYTES_IN_MEMORY = 1_048_576


class _InUTF8(HttpRequest):
    """Addresses and bodies are UTF-8, whatever `Content-Type` says.

    Django decodes the query string, too, by the charset named there: by `bz2_codec` for instance, which is none of
    text, so that the request itself cannot be made and nobody is left to answer. The views refuse such a body.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class UTF8WSGIRequest(_InUTF8, WSGIRequest):
    """A request by WSGI. A body in chunks is read here, since Django takes one without a length for empty."""

    def __init__(self, environ: dict[str, Any]) -> None:
        # The server's promise that the body ends by itself.
        if environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ:
            body = SpooledTemporaryFile(MAX_BYTES_IN_MEMORY)  # noqa: SIM115 - it lives as long as the request.
            while body.tell() <= MAX_BYTES and (part := environ["wsgi.input"].read(65_536)):
                body.write(part)
            environ["CONTENT_LENGTH"] = str(body.tell())
            environ["wsgi.input"] = body
            body.seek(0)
        super().__init__(environ)


class UTF8ASGIRequest(_InUTF8, ASGIRequest):
    """A request by ASGI."""
