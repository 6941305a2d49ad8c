"""An account as cabinet's tests make it: through the doors, with what the doors print."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from accounts.clients import Dialect
from accounts.models import User
from accounts.tests.factories import HERE, make_user
from profiles.services import editing
from tokens.models import SignIn
from tokens.services import ledger

CREATED = datetime(2024, 3, 7, 23, 32, 53, 818302, tzinfo=UTC)
CREATED_TEXT = "2024-03-07 23:32:53.818302"


@dataclass(frozen=True)
class Person:
    """An account with a working cabinet token."""

    user: User
    token: str
    sign_in: SignIn

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": self.token}


def make_person(username: str = "ivan", *, created: datetime = CREATED, **told: Any) -> Person:
    """A registered account that has signed in at cabinet; `told` is what its profile says."""
    user = make_user(username, email=f"{username}@example.org")
    User.objects.filter(pk=user.pk).update(created_at=created)
    user.refresh_from_db()
    if told:
        editing.edit(user, **told)
    grant = ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE)
    return Person(user, grant.secret, grant.sign_in)


def entry(user: User, **other: Any) -> dict[str, Any]:
    """The directory's entry of an account that has told nothing, but for what `other` says."""
    bare = {
        "id": user.pk,
        "login": user.username,
        "email": user.email or "",
        "first_name": "",
        "last_name": "",
        "created_at": CREATED_TEXT,
        "description": "",
        "background_color": "#005CC9",
        "birthday": "",
        "patronymic": "",
        "avatar": "",
        "groups": [],
        "roles": [],
    }
    return {**bare, **other}


def refused(response: Any, status: int) -> str:
    """The words of a refusal, which is written as cabinet writes them and as nothing else."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert list(response.json()) == ["errorMessage"]
    assert response.json()["errorMessage"]
    return response.json()["errorMessage"]


def post(client: Client, path: str, body: Any, person: Person | None = None, **headers: str) -> Any:
    """POST `body` as JSON, as `person` if there is one."""
    own = person.headers if person else {}
    return client.post(path, body, content_type="application/json", headers={**own, **headers})
