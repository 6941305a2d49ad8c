"""What a dialect is: a view class that reads arguments, and a table that says how each refusal is answered."""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from structlog.contextvars import bind_contextvars

from accounts import errors
from accounts.clients import Client, Dialect
from accounts.dialects.parsers import refuse_foreign_charset
from accounts.models import User

logger = logging.getLogger(__name__)

MAX_DRAINED_BYTES = 32 * 1_048_576

Rows = dict[type[BaseException], tuple[int, str]]


class BodyTooLarge(exceptions.APIException):
    """More bytes than the call reads."""


class AddressTooLong(errors.DomainError):
    """A query string beyond what any call needs (RFC 9110 15.5.15)."""

    text = _("The address is too long.")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal on its way out: what an envelope writes down. `fields` are in the dialect's names."""

    status: int
    code: str
    text: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    error: BaseException | None = None


class Envelope:
    """A table of refusals, class -> (status, the dialect's code), and the body they are written in.

    The lookup walks the error's ancestors, so a new error is answered by its parent's row.
    """

    rows: ClassVar[Rows] = {
        Exception: (500, "server_error"),
        OperationalError: (503, "unavailable"),
        InterfaceError: (503, "unavailable"),
        Http404: (404, "not_found"),
        PermissionDenied: (403, "forbidden"),
        BadRequest: (400, "bad_request"),
        SuspiciousOperation: (400, "bad_request"),
        RequestDataTooBig: (413, "too_large"),
        TooManyFieldsSent: (400, "bad_request"),
        TooManyFilesSent: (400, "bad_request"),
        exceptions.APIException: (500, "server_error"),
        exceptions.ParseError: (400, "unreadable"),
        exceptions.ValidationError: (400, "invalid"),
        exceptions.MethodNotAllowed: (405, "method_not_allowed"),
        exceptions.UnsupportedMediaType: (415, "unsupported_media_type"),
        exceptions.NotFound: (404, "not_found"),
        exceptions.PermissionDenied: (403, "forbidden"),
        BodyTooLarge: (413, "too_large"),
        AddressTooLong: (414, "too_long"),
        errors.DomainError: (400, "refused"),
        errors.InvalidCredentials: (401, "invalid_credentials"),
        errors.IdentifierTaken: (409, "taken"),
        errors.TokenNotWorking: (401, "unauthorized"),
        errors.NotAllowed: (403, "forbidden"),
        errors.NotFound: (404, "not_found"),
        errors.Conflict: (409, "conflict"),
        errors.Throttled: (429, "throttled"),
        errors.Unavailable: (503, "unavailable"),
        errors.BadGateway: (502, "bad_gateway"),
        errors.UnsafeHandling: (406, "unsafe_handling"),
    }
    # How the dialect calls what is stored under another name.
    names: ClassVar[dict[str, str]] = {}
    # What `body` writes, for the OpenAPI document.
    schema: ClassVar[dict[str, Any]] = {"type": "object", "properties": {"message": {"type": "string"}}}
    texts: ClassVar[dict[int, Any]] = {
        400: _("The request could not be read."),
        403: _("This is not allowed."),
        404: _("There is nothing at this address."),
        405: _("This address does not know that method."),
        413: _("The request is too large."),
        415: _("The body must be JSON or a form, in UTF-8."),
        429: errors.Throttled.text,
        500: _("Something went wrong on our side."),
        503: errors.Unavailable.text,
    }

    def body(self, refusal: Refusal) -> dict[str, Any]:
        """What is sent. Each dialect writes its own."""
        return {"message": refusal.text}

    def __call__(self, error: BaseException, context: Mapping[str, Any]) -> Response:
        """Answer `error`; the exception handler of every view of the dialect."""
        view = context.get("view")
        refusal = self.refusal(error, getattr(view, "field_names", {}))
        bind_contextvars(outcome=type(error).__name__)
        if refusal.status >= 500 and not isinstance(error, errors.DomainError):
            logger.error("%s while answering", type(error).__name__, exc_info=error)
            request = context.get("request")
            got_request_exception.send(sender=type(view), request=getattr(request, "_request", request))
        response = Response(self.body(refusal), status=refusal.status)
        retry_after = getattr(error, "retry_after", 1 if refusal.status == 503 else None)
        if retry_after is not None:
            response["Retry-After"] = str(retry_after)
        if refusal.status == 401:
            response["WWW-Authenticate"] = "Bearer"
        return response

    def refusal(self, error: BaseException, field_names: Mapping[str, str] | None = None) -> Refusal:
        """The status, code and words for `error`."""
        rows = next(self.rows[cls] for cls in type(error).__mro__ if cls in self.rows)
        status, code = rows
        fields = self.fields(error, {**self.names, **(field_names or {})})
        if hasattr(error, "text"):
            text = str(error.text)
        elif fields:
            text = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items())
        else:
            text = str(self.texts.get(status, self.texts[400]))
        return Refusal(status, code, text, fields, error)

    def fields(self, error: BaseException, names: Mapping[str, str]) -> dict[str, list[str]]:
        """What was wrong, by field in the dialect's names; empty when the refusal is not about fields."""
        if isinstance(error, exceptions.ValidationError):
            return {name: _flat(texts) for name, texts in cast("dict[str, Any]", error.detail).items()}
        if isinstance(error, errors.IdentifierTaken):
            return {names.get(name, name): [str(error.text_of(name))] for name in error.fields}
        if isinstance(error, errors.PasswordRefused):
            return {names.get(error.field, error.field): [str(text) for text in error.texts]}
        if isinstance(error, errors.InvalidInput):
            return {names.get(error.field, error.field): [str(error.text)]}
        return {}


class PlainEnvelope(Envelope):
    """`{"message": text}`: for every path that belongs to no dialect."""


class DialectView(APIView):
    """A door of a dialect: reads arguments, names the caller, answers refusals in the dialect's envelope.

    `writes_on_get`: GET here makes something, so HEAD is refused, and so is a browser that only fetches ahead.
    `max_body_bytes`: what a body may hold.
    """

    dialect: ClassVar[Dialect]
    envelope: ClassVar[Envelope] = PlainEnvelope()
    writes_on_get: ClassVar[bool] = False
    max_body_bytes: ClassVar[int] = 1_048_576
    body_too_large: ClassVar[type[Exception]] = BodyTooLarge
    field_names: ClassVar[dict[str, str]] = {}
    http_method_names = ("get", "head", "post", "patch", "delete")

    @property
    def allowed_methods(self) -> list[str]:
        """What `Allow` names: HEAD only where it is answered."""
        return [method for method in super().allowed_methods if not (method == "HEAD" and self.writes_on_get)]

    def get_exception_handler(self) -> Envelope:
        return self.envelope

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "HEAD" and self.writes_on_get:
            raise exceptions.MethodNotAllowed("HEAD")
        if request.method == "GET" and self.writes_on_get and "prefetch" in request.headers.get("Sec-Purpose", ""):
            raise exceptions.PermissionDenied
        refuse_foreign_charset(request)
        if _content_length(request) > self.max_body_bytes:
            _drain(request)
            raise self.body_too_large
        super().initial(request, *args, **kwargs)

    @property
    def account(self) -> User:
        """The account whose token opened this door."""
        return cast("User", self.request.user)

    @property
    def client(self) -> Client:
        """Who is calling, by the nearest address that no trusted proxy vouches for and the `User-Agent`."""
        return seen_by(self.request, agent=self.header("User-Agent"))

    def header(self, name: str) -> str:
        """A request header as text, "" when there is none."""
        return header(self.request, name)

    def arguments(self) -> dict[str, Any]:
        """The query string for GET, HEAD and DELETE; the body for the rest. Of a repeated one the last counts."""
        if self.request.method in ("GET", "HEAD", "DELETE"):
            return self.query()
        return self.body()

    def query(self) -> dict[str, Any]:
        """The query string, of a repeated parameter the last."""
        return self.request.query_params.dict()

    def body(self) -> dict[str, Any]:
        """The body as a dictionary. Raises ParseError when it is something else, or has not come whole."""
        try:
            data = self.request.data
        except UnreadablePostError as error:
            raise exceptions.ParseError from error
        if not isinstance(data, dict):
            raise exceptions.ParseError
        return data.dict() if hasattr(data, "dict") else data

    def read(self, shape: type[serializers.Serializer], **options: Any) -> dict[str, Any]:
        """The arguments in the shape the call wants. Raises ValidationError, by field.

        null and "" count as absent unless the shape says `keeps_empty`.
        """
        arguments = self.arguments()
        if not getattr(shape, "keeps_empty", False):
            arguments = {name: value for name, value in arguments.items() if value is not None and value != ""}
        serializer = shape(data=arguments, **options)
        serializer.is_valid(raise_exception=True)
        return cast("dict[str, Any]", serializer.validated_data)


def header(request: Request | HttpRequest, name: str) -> str:
    """A request header as text, "" when there is none; WSGI hands over as Latin-1 what clients send as UTF-8."""
    value = request.headers.get(name, "")
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def seen_by(request: Request | HttpRequest, *, agent: str) -> Client:
    """The client of a request; `accounts.middleware.TrustedProxies` has already put the right address there."""
    return Client.seen(address=request.META.get("REMOTE_ADDR", ""), agent=agent)


def _drain(request: Request) -> None:
    """Read a body that is refused and forget it: a client that is still sending would never read the answer."""
    if _content_length(request) <= MAX_DRAINED_BYTES:
        with contextlib.suppress(UnreadablePostError):
            while request._request.read(65_536):
                pass


def _content_length(request: Request) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _flat(detail: Any) -> list[str]:
    if isinstance(detail, list):
        return [text for item in detail for text in _flat(item)]
    if isinstance(detail, dict):
        return [text for item in detail.values() for text in _flat(item)]
    return [str(detail)]
