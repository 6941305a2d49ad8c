"""Whether a page may act with a cookie that its browser sends along: by what the browser says about the page."""

import re
from urllib.parse import urlsplit

from corsheaders.conf import conf as cors
from django.conf import settings
from django.http import HttpRequest

_SAME_SITE = ("same-origin", "same-site")


def may_act(request: HttpRequest) -> bool:
    """Whether the request comes from a page of ours or of an allowed origin (OWASP CSRF Prevention Cheat Sheet).

    `Origin` decides when it is there; else `Sec-Fetch-Site`, which no page can set. Neither of them is a no.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site", "") in _SAME_SITE
    return origin.lower() in _ours(request) or is_allowed(origin.lower())


def is_allowed(origin: str) -> bool:
    """Whether the operator's CORS settings name `origin`."""
    named = any(origin == allowed.rstrip("/").lower() for allowed in cors.CORS_ALLOWED_ORIGINS)
    return named or any(re.fullmatch(pattern, origin) for pattern in cors.CORS_ALLOWED_ORIGIN_REGEXES)


def _ours(request: HttpRequest) -> tuple[str, str]:
    public = urlsplit(settings.PUBLIC_URL)
    # The Host is one of ALLOWED_HOSTS, or CommonMiddleware would have refused the request.
    return f"{public.scheme}://{public.netloc}".lower(), f"{request.scheme}://{request.get_host()}".lower()
