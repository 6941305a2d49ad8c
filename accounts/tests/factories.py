"""Accounts for tests, made the way the doors make them."""

from typing import Any

from accounts.clients import Client, Dialect
from accounts.models import Application, User
from accounts.services import applications, registration

PASSWORD = "Correct-horse1"
HERE = Client(ip="192.0.2.1", agent="Test 1.0")


def make_user(username: str | None = "ivan", *, password: str | None = PASSWORD, **identifiers: str) -> User:
    """A registered account; `email` and `phone` as wanted."""
    candidate = registration.candidate(username=username, password=password, client=None, **identifiers)
    return registration.register(candidate, dialect=Dialect.CABINET, client=HERE)


def make_application(url: str = "https://site.example", **facts: Any) -> tuple[Application, str]:
    """An application and its token; `is_super` and `role_names` as wanted."""
    return applications.create(url, "Site", **facts, actor="test")
