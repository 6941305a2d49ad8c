"""Paths answer with and without a trailing slash, and never by a redirect, which would drop a POST's body."""

from typing import Any, cast

from django.urls import URLPattern, path
from rest_framework.views import APIView


def both(route: str, view: type[APIView], **attributes: Any) -> list[URLPattern]:
    """The two patterns of one documented path; the second keeps out of the OpenAPI document.

    `attributes` are set on the view, for one that serves several paths.
    """
    documented, twin = cast("Any", view.as_view(**attributes)), cast("Any", view.as_view(**attributes))
    twin.is_twin = True
    other = route.removesuffix("/") if route.endswith("/") else f"{route}/"
    return [path(route, documented), path(other, twin)]


def is_twin(view: Any) -> bool:
    """Whether `view` serves the spelling of a path that is not the documented one."""
    return getattr(view, "is_twin", False)
