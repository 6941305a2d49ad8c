"""The goncord dialect (seed 001): 422 `{"errors": {field: [text]}}` about fields, `{"error": text}` about all else."""

from typing import Any, ClassVar

from rest_framework import exceptions
from rest_framework.request import Request

from accounts import errors
from accounts.clients import Dialect
from accounts.dialects.base import DialectView, Envelope, Refusal, Rows
from accounts.dialects.parsers import read_json
from accounts.models import Application
from accounts.services import applications


class GoncordEnvelope(Envelope):
    """goncord's answers to refusals."""

    rows: ClassVar[Rows] = {
        **Envelope.rows,
        exceptions.ValidationError: (422, "invalid"),
        errors.InvalidInput: (422, "invalid"),
        errors.IdentifierTaken: (422, "taken"),
    }
    names: ClassVar[dict[str, str]] = {"username": "login", "middle_name": "second_name", "birthdate": "birthday"}
    schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "error": {"type": "string"},
            "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        },
    }

    def body(self, refusal: Refusal) -> dict[str, Any]:
        return {"errors": refusal.fields} if refusal.fields else {"error": refusal.text}


class GoncordView(DialectView):
    """A door of goncord.

    `open_methods` ask for no token where the other methods of the path do. `application_methods` and `super_methods`
    ask for an application's token beside the user's: any active one's, or one of status super.
    """

    dialect = Dialect.GONCORD
    envelope = GoncordEnvelope()
    open_methods: ClassVar[tuple[str, ...]] = ()
    application_methods: ClassVar[tuple[str, ...]] = ()
    super_methods: ClassVar[tuple[str, ...]] = ()
    # The fields that hold more than text; None: every field does.
    json_in_forms: ClassVar[tuple[str, ...] | None] = ("roles", "apps")

    application: Application

    def get_authenticators(self) -> list[Any]:
        # A method that the path does not know is a 405 to everybody where some method of it is open.
        # There is no request yet when the OpenAPI document begins to describe the view.
        method = getattr(self.request, "method", "")
        is_known = method.lower() in self.http_method_names and hasattr(self, method.lower())
        is_open = method in self.open_methods or (bool(self.open_methods) and not is_known)
        return [] if is_open else super().get_authenticators()

    def body(self) -> dict[str, Any]:
        """The body as a dictionary. A form cannot say a list or an object, so it says `json_in_forms` as JSON."""
        body = super().body()
        if self.request.content_type.partition(";")[0].strip().lower() == "application/json":
            return body
        said = body if self.json_in_forms is None else [name for name in self.json_in_forms if name in body]
        return {**body, **{name: read_json(body[name]) for name in said if isinstance(body[name], str) and body[name]}}

    def arguments(self) -> dict[str, Any]:
        """The query string for GET and HEAD; the body for the rest, DELETE too."""
        return self.query() if self.request.method in ("GET", "HEAD") else self.body()

    def check_permissions(self, request: Request) -> None:
        """Ask for the application's token; the user's has been checked by now, so that 401 comes before 403."""
        super().check_permissions(request)
        needs_super = request.method in self.super_methods
        if needs_super or request.method in self.application_methods:
            self.application = applications.authenticate(
                self.header("x-app-token"), needs_super=needs_super, user=self.account, client=self.client
            )
