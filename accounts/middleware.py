"""What holds for every request before a view is chosen."""

import contextlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, cast

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from accounts.clients import is_trusted, nearest_untrusted, parse_ip
from accounts.dialects import refusals
from accounts.dialects.base import AddressTooLong
from accounts.dialects.registry import dialect
from accounts.errors import DomainError

GetResponse = Callable[[HttpRequest], HttpResponseBase]
logger = logging.getLogger("accounts.requests")

MAX_QUERY_BYTES = 8_000
_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)
_REQUEST_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


class RequestLog:
    """Writes one line about each request, of what we know of it and nothing that the caller could have made up.

    `route` is the pattern of the URLconf, since a path can hold a secret; no query, body or cookie is looked at.
    `request_id` is in every line that is written meanwhile, and in the answer as `X-Request-ID`. `outcome` is `ok`, or
    the error that the answer is made of. `account` is the id of whoever was recognised, by password, token or session.
    A streamed answer has its line when it has ended.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        clear_contextvars()
        request_id = _request_id(request)
        bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        if isinstance(response, StreamingHttpResponse) and "Content-Length" not in response and not response.is_async:
            tell = partial(_tell, request, response, get_contextvars(), started)
            response.streaming_content = _Watched(cast("Iterable[bytes]", response.streaming_content), tell)
        else:
            _tell(request, response, get_contextvars(), started)
            clear_contextvars()
        return response


class _Watched(Iterator[bytes]):
    """A streamed body that tells how it ended: whole, by an error, or before its end since the caller has gone."""

    def __init__(self, parts: Iterable[bytes], tell: Callable[..., None]) -> None:
        self._parts, self._tell = iter(parts), tell
        self._ended: dict[str, Any] = {}
        self._is_open = True

    def __next__(self) -> bytes:
        self._ended = {"outcome": "Unfinished"}
        try:
            return next(self._parts)
        except StopIteration:
            self._ended = {}
            raise
        except Exception as error:
            self._ended = {"outcome": type(error).__name__, "failed": True}
            raise

    def close(self) -> None:
        """Tell, once; a server closes every body, whatever became of it (PEP 3333)."""
        if self._is_open:
            self._is_open = False
            self._tell(**self._ended)


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


class ContentPolicy(CSPMiddleware):
    """django-csp, which would put the one policy of all answers together anew for each; no view has one of its own."""

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        self._policy = build_policy()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if settings.DEBUG:
            # Django's pages about errors are exempt.
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self._policy)
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


def _request_id(request: HttpRequest) -> str:
    """The proxy's own `X-Request-ID`, so that its log and ours can be laid side by side, else a new one."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    if given and _REQUEST_ID.fullmatch(given) and is_trusted(request.META["REMOTE_ADDR"], settings.TRUSTED_PROXIES):
        return str(given)
    return secrets.token_hex(8)


def _tell(
    request: HttpRequest,
    response: HttpResponseBase,
    known: Mapping[str, Any],
    started: float,
    *,
    outcome: str | None = None,
    failed: bool = False,
) -> None:
    """Write the line. `known` was found out on the way, the counter read `started` at the beginning."""
    status, outcome = response.status_code, outcome or known.get("outcome")
    if failed or status == 500:
        level = logging.ERROR
    elif status > 500:
        # A provider that is off, too many who sign in at once: known, and said to the caller.
        level = logging.WARNING
    else:
        level = logging.DEBUG if _is_probe(request) else logging.INFO
    if not logger.isEnabledFor(level):
        return
    method, match = request.META["REQUEST_METHOD"], _match(request, status, outcome)
    facts = {
        "request_id": response["X-Request-ID"],
        # Staff who make an account are not that account.
        "account": _account_of_session(request) or known.get("account"),
        "dialect": str(getattr(getattr(match and match.func, "view_class", None), "dialect", dialect(request.path))),
        "method": method if method in _METHODS else "other",
        "route": match.route if match else None,
        "status": status,
        "outcome": outcome or ("ok" if status < 400 else "refused" if status < 500 else "failed"),
        "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        "ip": parse_ip(request.META.get("REMOTE_ADDR", "")),
    }
    logger.log(level, "request", extra={"facts": facts})


def _match(request: HttpRequest, status: int, outcome: str | None) -> ResolverMatch | None:
    """The pattern of the path, also where a middleware has refused before anybody asked; None where none matches."""
    if request.resolver_match is None and status >= 400 and outcome != Resolver404.__name__:
        with contextlib.suppress(Resolver404):
            return resolve(request.path_info)
    return request.resolver_match


def _account_of_session(request: HttpRequest) -> int | None:
    """Whose session this is, when somebody has asked for it: no query is made for a line of the log."""
    return getattr(getattr(request, "_cached_user", None), "pk", None)
