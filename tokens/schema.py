"""How the tokens that open doors are named in the OpenAPI document."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from tokens.authentication import TokenAuthentication


class TokenScheme(OpenApiAuthenticationExtension):
    """A token in `Authorization`, by the type that is accepted."""

    target_class = TokenAuthentication
    match_subclasses = True

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.target.accepts[0]} token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        if self.target.scheme_is_optional:
            return {"type": "apiKey", "in": "header", "name": "Authorization"}
        return {"type": "http", "scheme": "bearer"}
