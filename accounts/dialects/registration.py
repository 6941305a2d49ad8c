"""The registration dialect (seed 002): `{"message": text}`, and for a 422 what was wrong by field."""

from typing import Any, ClassVar

from rest_framework import exceptions

from accounts import errors
from accounts.clients import Dialect
from accounts.dialects.base import DialectView, Envelope, Refusal, Rows


class RegistrationEnvelope(Envelope):
    """registration's answers to refusals."""

    rows: ClassVar[Rows] = {
        **Envelope.rows,
        exceptions.ValidationError: (422, "invalid"),
        errors.InvalidInput: (422, "invalid"),
    }
    names: ClassVar[dict[str, str]] = {
        "phone": "phone_number",
        "password": "hash_password",
        "old_password": "hash_password",
    }

    schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "message": {"type": "string"},
            "errors": {
                "type": "object",
                "description": "With 422 only: what was wrong, by field.",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            },
        },
    }

    def body(self, refusal: Refusal) -> dict[str, Any]:
        body: dict[str, Any] = {"message": refusal.text}
        return {**body, "errors": refusal.fields} if refusal.status == 422 else body


class RegistrationView(DialectView):
    """A door of the registration dialect."""

    dialect = Dialect.REGISTRATION
    envelope = RegistrationEnvelope()
