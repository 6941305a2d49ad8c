"""Paths answer with and without a trailing slash, and never by a redirect, which would drop a POST's body."""

from typing import Any

from django.urls import URLPattern, path
from rest_framework.views import APIView


def both(route: str, view: type[APIView]) -> list[URLPattern]:
    """The two patterns of one documented path; the second keeps out of the OpenAPI document."""
    documented: Any = view.as_view()
    other = route.removesuffix("/") if route.endswith("/") else f"{route}/"
    return [path(route, documented), path(other, documented)]
