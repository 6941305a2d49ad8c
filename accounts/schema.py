"""How the views become the OpenAPI document: each path once, tagged by dialect, with the dialect's refusals."""

from typing import Any, cast

from drf_spectacular.openapi import AutoSchema

from accounts.dialects.base import DialectView
from accounts.dialects.paths import is_twin

Endpoint = tuple[str, str, str, Any]


def without_twins(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Each path as the contract prints it; the one with the other ending answers all the same."""
    return [endpoint for endpoint in endpoints if not is_twin(endpoint[3])]


class DialectSchema(AutoSchema):
    """Adds to every operation what its view's dialect says when it refuses."""

    def get_tags(self) -> list[str]:
        return [str(cast("DialectView", self.view).dialect)]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        # Each dialect has serializers of its own, and what is alike in two of them is named alike.
        dialect, name = self.get_tags()[0].capitalize(), super().get_serializer_name(serializer, direction)
        return name if name.startswith(dialect) else f"{dialect}{name}"

    def _get_request_body(self, direction: Any = "request") -> Any:
        if self.method != "DELETE":
            return super()._get_request_body(direction)
        # The library writes no body for DELETE; RFC 9110 (9.3.5) leaves it to us, and two calls read one.
        self.method = "POST"
        try:
            return super()._get_request_body(direction)
        finally:
            self.method = "DELETE"

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation and isinstance(self.view, DialectView):
            content = {"application/json": {"schema": self.view.envelope.schema}}
            operation["responses"]["default"] = {"description": "A refusal.", "content": content}
        return operation
