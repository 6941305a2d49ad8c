"""Refusals where no view is reached: an unknown path, a middleware that says no, an error outside the views.

`authsite/urls.py` names these as handler400, handler403, handler404 and handler500.
"""

import sys
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.renderers import JSONRenderer
from structlog.contextvars import bind_contextvars

from accounts.dialects.base import PlainEnvelope
from accounts.dialects.registry import envelope
from accounts.errors import NotAllowed


class TLSRequired(NotAllowed):
    """An API call over plain HTTP where the operator requires TLS."""

    text = _("Use https: this server accepts no credentials over plain HTTP.")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler400."""
    return answer(request, exception or BadRequest())


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler403, and CSRF_FAILURE_VIEW by `csrf_failure`."""
    return answer(request, exception or PermissionDenied())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form of a page of ours without its token."""
    return answer(request, PermissionDenied())


def method_not_allowed(request: HttpRequest) -> HttpResponse:
    """A method that no view would know."""
    return answer(request, MethodNotAllowed(request.META["REQUEST_METHOD"]))


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler404."""
    return answer(request, exception or Http404())


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 when the database is away, else 500."""
    return answer(request, sys.exc_info()[1] or Exception())


def answer(request: HttpRequest, error: BaseException) -> HttpResponse:
    """The refusal in the envelope of the path's dialect, or as a small page where a browser looks at any other path."""
    wearing = envelope(request.path)
    refusal = wearing.refusal(error)
    bind_contextvars(outcome=type(error).__name__)
    response: HttpResponse
    if isinstance(wearing, PlainEnvelope) and "text/html" in request.headers.get("Accept", ""):
        response = render(
            request, "authsite/refusal.html", {"status": refusal.status, "text": refusal.text}, status=refusal.status
        )
    else:
        body: Any = JSONRenderer().render(wearing.body(refusal))
        response = HttpResponse(body, status=refusal.status, content_type="application/json")
    retry_after = getattr(error, "retry_after", 1 if refusal.status == 503 else None)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ("Authorization", "Cookie"))
    return response
