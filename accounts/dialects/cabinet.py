"""The cabinet dialect (seeds 003 and 004): `{"errorMessage": text}`; 403 is about headers, all else wrong is 400."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import PermissionDenied

from accounts import errors
from accounts.clients import Client, Dialect
from accounts.dialects.base import DialectView, Envelope, Refusal, Rows, seen_by


class CabinetEnvelope(Envelope):
    """cabinet's answers to refusals."""

    rows: ClassVar[Rows] = {
        **Envelope.rows,
        errors.InvalidCredentials: (400, "invalid_credentials"),
        errors.IdentifierTaken: (400, "taken"),
        errors.Conflict: (400, "conflict"),
        errors.TokenNotWorking: (403, "forbidden"),
    }
    names: ClassVar[dict[str, str]] = {
        "username": "login",
        "middle_name": "patronymic",
        "birthdate": "birthday",
        "old_password": "password",
    }

    schema: ClassVar[dict[str, Any]] = {"type": "object", "properties": {"errorMessage": {"type": "string"}}}

    def body(self, refusal: Refusal) -> dict[str, Any]:
        return {"errorMessage": refusal.text}


class BrowserMissing(PermissionDenied):
    """The header `browser` is absent or blank."""

    text = _("The header `browser` must name the browser and its version.")


class CabinetView(DialectView):
    """A door of the cabinet."""

    dialect = Dialect.CABINET
    envelope = CabinetEnvelope()

    @property
    def browser(self) -> Client:
        """The caller, called what its `browser` header says. Raises BrowserMissing before the body is looked at."""
        agent = self.header("browser").strip()
        if not agent:
            raise BrowserMissing
        return seen_by(self.request, agent=agent)
