"""Walking through a provider's sign-in as a front end and a browser do, over real HTTP on the provider's side."""

import http.client
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.test import Client

from accounts.clients import Client as Caller
from accounts.clients import Dialect
from accounts.models import Event, User
from accounts.services import registration
from oauth_providers.models import AuthorizationAttempt, LinkedIdentity
from tokens.models import SignIn
from tokens.services import refreshing

ALL = ("vk", "mail.ru", "yandex")
PASSWORD = "Correct-Horse-7"


def link(key: str) -> str:
    """The address of consent that a front end is given."""
    answer = Client().get(f"/{key}/link")
    assert answer.status_code == 200
    return answer.json()


def consent(address: str) -> str:
    """What the provider makes of it: the address the browser is sent to next."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}")
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 302
    return response.headers["Location"]


def returned(address: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(parse_qsl(urlsplit(address).query))


def begun(key: str) -> dict[str, str]:
    """A link and a consent: code, state and, of VK ID, device_id; no callback of ours has seen them."""
    brought = returned(consent(link(key)))
    return {name: brought[name] for name in ("code", "state", "device_id") if name in brought}


def called_back(key: str) -> dict[str, str]:
    """The same after our callback; without the state, as the seed documents `get/token`."""
    brought = begun(key)
    assert Client().get(f"/{key}/callback", brought).status_code == 200
    del brought["state"]
    return brought


def get_token(key: str, brought: dict[str, str]) -> Any:
    return Client().get(f"/{key}/get/token", brought)


def token(key: str) -> str:
    """A provider's token that our own `get/token` handed out."""
    answer = get_token(key, called_back(key))
    assert answer.status_code == 200, answer.content
    return answer.json()["access_token"]


def register(key: str, access_token: str) -> Any:
    return Client().get(f"/{key}/registration", {"access_token": access_token})


def login(key: str, access_token: str) -> Any:
    return Client().get(f"/{key}/login", {"access_token": access_token})


def account(**facts: Any) -> User:
    """An account with a password, made by the services."""
    facts = {"password": PASSWORD, "client": None, **facts}
    return registration.register(registration.candidate(**facts), dialect=Dialect.REGISTRATION, client=Caller())


def signed_in(user: User) -> dict[str, str]:
    """The header that authorises `user`."""
    return {"Authorization": f"Bearer {refreshing.open_pair(user, client=Caller()).access}"}


def state_of_the_house() -> tuple[Any, ...]:
    """What a refusal must leave as it was."""
    return (
        list(User.objects.order_by("pk").values_list("pk", "username", "email", "password")),
        list(LinkedIdentity.objects.order_by("pk").values_list("user", "provider", "uid")),
        SignIn.objects.count(),
        Event.objects.filter(succeeded=True).count(),
        AuthorizationAttempt.objects.exclude(token_digest=None).count(),
    )
