"""A client of goncord's API, as the sites that share accounts have had it for years."""

import json
from typing import Any

from django.test import Client


class Goncord:
    """Calls the API with JSON bodies, a user's JWT in `Authorization`, and an application's token."""

    def __init__(self, client: Client, jwt: str = "", application: str | None = None) -> None:
        self.client, self.jwt, self.application = client, jwt, application

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response; `body` is sent as JSON, text as it is."""
        known = {"Authorization": f"Bearer {self.jwt}"} if self.jwt else {}
        if self.application is not None:
            known["x-app-token"] = self.application
        data = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        return self.client.generic(method, path, data, content_type="application/json", headers={**known, **headers})

    def register(self, **changes: Any) -> Any:
        """POST /api/v0/users with the seed's example, changed."""
        return self.call("POST", "/api/v0/users", {**DMITRY, **changes})

    def sign_in(self, **credentials: Any) -> Any:
        """POST /api/v0/tokens; afterwards this client has the JWT."""
        response = self.call("POST", "/api/v0/tokens", credentials)
        if response.status_code == 201:
            self.jwt = response.json()["jwt"]
        return response

    def changed(self, **changes: Any) -> Any:
        """PATCH /api/v0/users."""
        return self.call("PATCH", "/api/v0/users", changes)

    def validate(self) -> Any:
        """GET /api/v0/tokens/validate."""
        return self.call("GET", "/api/v0/tokens/validate")


DMITRY = {
    "login": "test",
    "password": "password",
    "email": "test@gmail.com",
    "first_name": "Дмитрий",
    "last_name": "Дубина",
    "second_name": "Евгеньевич",
    "birthday": "1995-03-30",
}
DMITRY_SHOWN = {
    "login": "test",
    "email": "test@gmail.com",
    "first_name": "Дмитрий",
    "last_name": "Дубина",
    "second_name": "Евгеньевич",
    "birthday": "1995-03-30",
    "roles": [],
    "apps": {},
}
