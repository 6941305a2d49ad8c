"""The gigachat dialect (seed 000): `{"status", "reason", "description": code}`; arguments in queries and bodies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions

from accounts import conf, errors
from accounts.clients import Dialect
from accounts.dialects.base import AddressTooLong, BodyTooLarge, DialectView, Envelope, Refusal, Rows

Answer = tuple[int, str]

_LACKING = (400, "LackOfArgument")
_NOT_FOUND = (404, "UserNotFound")
_SECRETS = ("password", "token")


class GigachatEnvelope(Envelope):
    """gigachat's answers to refusals; an argument that cannot be accepted is told by the code of its field.

    `lacking`: an argument that must be there is not. `wrong`: by argument; `wrong_otherwise` for the rest.
    """

    lacking: ClassVar[Answer] = _LACKING
    wrong: ClassVar[dict[str, Answer]] = {
        "username": (400, "BadName"),
        "password": (400, "BadPassword"),
        "contact": (400, "NotValidContact"),
        "email": (400, "NotValidContact"),
        "phone": (400, "NotValidContact"),
    }
    wrong_otherwise: ClassVar[Answer] = _LACKING
    taken: ClassVar[dict[str, Answer]] = {
        "username": (409, "UsernameAlreadyRegistered"),
        "email": (409, "ContactAlreadyRegistered"),
        "phone": (409, "ContactAlreadyRegistered"),
    }
    rows: ClassVar[Rows] = {
        **Envelope.rows,
        Exception: (500, "ServerError"),
        OperationalError: (503, "ServiceUnavailable"),
        InterfaceError: (503, "ServiceUnavailable"),
        Http404: (404, "NotFound"),
        PermissionDenied: (403, "Forbidden"),
        BadRequest: _LACKING,
        SuspiciousOperation: _LACKING,
        RequestDataTooBig: (413, "TooLarge"),
        TooManyFieldsSent: _LACKING,
        TooManyFilesSent: _LACKING,
        exceptions.APIException: (500, "ServerError"),
        exceptions.ParseError: _LACKING,
        exceptions.ValidationError: _LACKING,
        exceptions.MethodNotAllowed: (405, "MethodNotAllowed"),
        exceptions.UnsupportedMediaType: (415, "UnsupportedMediaType"),
        exceptions.NotFound: (404, "NotFound"),
        exceptions.PermissionDenied: (403, "Forbidden"),
        AddressTooLong: (414, "TooLarge"),
        BodyTooLarge: (413, "TooLarge"),
        errors.DomainError: (400, "BadRequest"),
        errors.InvalidCredentials: _NOT_FOUND,
        errors.IdentifierTaken: (409, "ContactAlreadyRegistered"),
        errors.TokenNotWorking: _NOT_FOUND,
        errors.NotAllowed: (403, "Forbidden"),
        errors.NotFound: (404, "NotFound"),
        errors.AccountNotFound: _NOT_FOUND,
        errors.Conflict: (409, "Conflict"),
        errors.Throttled: (429, "TooManyRequests"),
        errors.Unavailable: (503, "ServiceUnavailable"),
        errors.BadGateway: (502, "BadGateway"),
        errors.UnsafeHandling: (406, "UnsafeHandling"),
    }

    schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("status", "reason", "description")},
    }

    def body(self, refusal: Refusal) -> dict[str, Any]:
        reason = "ServerError" if refusal.status >= 500 else "BadRequest"
        return {"status": "Refused", "reason": reason, "description": refusal.code}

    def refusal(self, error: BaseException, field_names: Mapping[str, str] | None = None) -> Refusal:
        refusal = super().refusal(error, field_names)
        answer = self._about_arguments(error)
        return replace(refusal, status=answer[0], code=answer[1]) if answer else refusal

    def _about_arguments(self, error: BaseException) -> Answer | None:
        if isinstance(error, exceptions.ValidationError) and isinstance(error.detail, dict):
            found = [self._about(name, details) for name, details in error.detail.items()]
            # What is not there is told before what is wrong; what is wrong, in the order of the shape.
            return self.lacking if self.lacking in found else found[0]
        if isinstance(error, errors.InvalidInput):
            return self.wrong.get(error.field, self.wrong_otherwise)
        if isinstance(error, errors.IdentifierTaken):
            return self.taken[error.fields[0]]
        return None

    def _about(self, name: str, details: Any) -> Answer:
        if any(getattr(detail, "code", "") == "required" for detail in details):
            return self.lacking
        return self.wrong.get(name, self.wrong_otherwise)


class SignInEnvelope(GigachatEnvelope):
    """At `/auth` an argument that cannot be right is answered like one that is wrong."""

    wrong: ClassVar[dict[str, Answer]] = {}
    wrong_otherwise: ClassVar[Answer] = _NOT_FOUND


class ControlEnvelope(SignInEnvelope):
    """At `/control/tokens*` what is lacking is an authorization, and a date has a code of its own."""

    lacking: ClassVar[Answer] = (406, "LackOfArgumentsAuthorization")
    wrong: ClassVar[dict[str, Answer]] = {"started": (400, "NotValidDate")}


class GigachatView(DialectView):
    """A door of gigachat."""

    dialect = Dialect.GIGACHAT
    envelope = GigachatEnvelope()

    def arguments(self) -> dict[str, Any]:
        """The query string; for POST the body too, whose values win. What is empty is left out, but `create_token`.

        Where the operator refuses secrets in query strings a DELETE has a body too. Raises UnsafeHandling, ParseError.
        """
        sources = [self.query()]
        if self.request.method == "POST" or (self.request.method == "DELETE" and conf.refuses_secrets_in_query()):
            sources.append(self.body())
        return {
            name: value
            for source in sources
            for name, value in source.items()
            if value is not None and (value != "" or name == "create_token")
        }

    def query(self) -> dict[str, Any]:
        """The query string. Raises UnsafeHandling when it holds a secret and the operator refuses that."""
        query = super().query()
        if conf.refuses_secrets_in_query() and any(query.get(name) for name in _SECRETS):
            raise errors.UnsafeHandling
        return query
