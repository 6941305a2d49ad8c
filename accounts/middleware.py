"""What holds for every request before a view is chosen."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts.clients import is_trusted, nearest_untrusted
from accounts.dialects import refusals
from accounts.dialects.base import AddressTooLong
from accounts.errors import DomainError

GetResponse = Callable[[HttpRequest], HttpResponseBase]

MAX_QUERY_BYTES = 8_000
_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)


class TrustedProxies:
    """Makes REMOTE_ADDR the caller's address, believing `X-Forwarded-*` only from the networks in TRUSTED_PROXIES."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        peer = request.META.get("REMOTE_ADDR", "")
        forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR", "")
        if not is_trusted(peer, settings.TRUSTED_PROXIES):
            # Nobody vouches for these headers: they are the caller's own invention.
            for name in _FORWARDED:
                request.META.pop(name, None)
        request.META["REMOTE_ADDR"] = nearest_untrusted(peer, forwarded_for, settings.TRUSTED_PROXIES)
        return self.get_response(request)


class NotKept:
    """Lets no cache keep an answer that does not say by itself for how long, as pictures and styles do."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        if "no-store" in response.headers["Cache-Control"]:
            patch_vary_headers(response, ("Authorization", "Cookie"))
        return response


class RequestLimits:
    """Refuses an address that is too long, a method in small letters and, where TLS is required, a call without it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if len(request.META.get("QUERY_STRING", "")) > MAX_QUERY_BYTES:
            return refusals.answer(request, AddressTooLong())
        if request.META["REQUEST_METHOD"] != request.method:
            # Methods are case-sensitive (RFC 9110 9.1). Django takes `post` for POST; a proxy's rules do not.
            return refusals.method_not_allowed(request)
        if settings.REQUIRE_TLS and not request.is_secure() and not _is_probe(request):
            # SecurityMiddleware has redirected people's pages; here a secret has already crossed the wire.
            return refusals.answer(request, refusals.TLSRequired())
        return self.get_response(request)


class Refusals:
    """Answers a domain error from outside the dialects, in the envelope of the path or on a page for a browser."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return refusals.answer(request, exception) if isinstance(exception, DomainError) else None


class AcceptLanguage:
    """Speaks the language that `Accept-Language` asks for, else LANGUAGE_CODE; no cookie and no session has a say."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with translation.override(self._asked_for(request)):
            request.LANGUAGE_CODE = translation.get_language()
            response = self.get_response(request)
            if isinstance(response, HttpResponse):
                response.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
        patch_vary_headers(response, ("Accept-Language",))
        return response

    @staticmethod
    def _asked_for(request: HttpRequest) -> str:
        for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
            try:
                return translation.get_supported_language_variant(code)
            except LookupError:
                continue
        return settings.LANGUAGE_CODE


def _is_probe(request: HttpRequest) -> bool:
    return request.path.rstrip("/") in ("/healthz", "/readyz")
