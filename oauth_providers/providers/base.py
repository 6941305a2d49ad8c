"""What the three providers share: addresses built in the contract's order, strict reading, our own HTTP client."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from django.views.decorators.debug import sensitive_variables
from social_core.backends.oauth import BaseOAuth2
from social_core.exceptions import AuthResponseError, AuthSessionError, SocialAuthBaseException

from accounts.errors import DomainError
from oauth_providers import client
from oauth_providers.conf import ProviderSettings
from oauth_providers.errors import ProviderNonsense, ProviderRefusal, ProviderUnreachable

MAX_TOKEN_LENGTH = 4096
MAX_SECONDS = 10 * 365 * 24 * 3600
# RFC 6749, appendix A: a token is of printable ASCII; a blank or a line break would reach into a header.
_TOKEN = re.compile(rf"[\x21-\x7e]{{1,{MAX_TOKEN_LENGTH}}}")
_USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NO_USER_ID = frozenset({"none", "null", "nil", "nan", "undefined", "true", "false"})


@dataclass(frozen=True)
class Tokens:
    """What a provider gave for a code. `refresh_token` is "" and `expires_in` (seconds) 0 where it gave none."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    # The user the tokens are for, where the provider says so (VK ID), else "".
    user_id: str


@dataclass(frozen=True)
class Identity:
    """Somebody a provider vouches for: the provider, its stable id of the person, and what it told of them."""

    provider: str
    uid: str
    response: Mapping[str, Any] = field(repr=False)
    # The client the provider itself says the token was issued to; "" where it does not say.
    client_id: str = ""


class Provider(BaseOAuth2):
    """A mixin before one of social-core's OAuth 2.0 backends.

    Subclasses give `name`, the first segment of the provider's paths and what `LinkedIdentity.provider` holds, the
    ORDER of the authorization address, and the SCOPE. State and verifier come in as arguments; see `Strategy`.
    """

    ORDER: tuple[str, ...] = ()
    SCOPE: tuple[str, ...] = ()
    # Whether the provider documents that it names the client a token was issued to.
    NAMES_CLIENT = False
    REDIRECT_STATE = False
    STATE_PARAMETER = True
    REQUIRES_USER_ID = True

    def __init__(self, strategy: Any, facts: ProviderSettings) -> None:
        super().__init__(strategy, redirect_uri=facts.redirect_uri)
        self.facts = facts
        self._verifier = ""

    # What social-core asks of its surroundings

    def setting(self, name: str, default: Any = None) -> Any:
        """Answer social-core from this app's settings; what is not among them keeps social-core's default."""
        facts = self.facts
        ours = {
            "KEY": facts.client_id,
            "SECRET": facts.client_secret,
            "AUTHORIZATION_URL": facts.authorize_url,
            "ACCESS_TOKEN_URL": facts.token_url,
            "SCOPE": list(self.SCOPE),
        }
        return ours.get(name, default)

    @sensitive_variables()
    def request(  # type: ignore[override]
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        **_others: Any,
    ) -> client.Answer:
        """Every call of social-core's goes through our client, which has the limits `requests` lacks."""
        return client.send(url, method=method, headers=headers, form=data, query=params)

    def create_code_verifier(self, state: str | None = None) -> str:
        return self._verifier

    def get_code_verifier(self, state: str | None = None) -> str:
        return self._verifier

    # What the services ask of a provider

    @sensitive_variables()
    def address_to_authorize(self, *, state: str, verifier: str) -> str:
        """The address that asks the person's consent: the contract's parameters in its order, percent-encoded."""
        self._verifier = verifier
        arguments = {**self.auth_params(state), **self.get_scope_argument(), **self.auth_extra_arguments()}
        query = urlencode([(name, arguments[name]) for name in self.ORDER], safe="", quote_via=quote)
        address = self.authorization_url()
        return f"{address}{'&' if '?' in address else '?'}{query}"

    @sensitive_variables()
    def exchange(self, code: str, *, state: str = "", verifier: str = "", device_id: str = "") -> Tokens:
        """Ask the provider for the tokens of `code`. One call.

        Raises ProviderRefusal (the code, the verifier or our client is wrong), ProviderUnreachable, ProviderNonsense.
        """
        self._verifier = verifier
        self.data = {"code": code, "state": state, "device_id": device_id}
        response = _in_our_words(self._exchanged_for, state)
        return Tokens(
            access_token=read_token(response.get("access_token")),
            refresh_token=read_token(response.get("refresh_token"), optional=True),
            expires_in=read_seconds(response.get("expires_in")),
            user_id=self.user_id_of_tokens(response),
        )

    @sensitive_variables()
    def identify(self, access_token: str, *, user_id: str = "") -> Identity:
        """Ask the provider whose `access_token` this is. One call.

        `user_id`, if given, is whom the token was handed out for. Raises ProviderRefusal (the token is not good, or no
        longer), ProviderUnreachable, ProviderNonsense (no usable id among others).
        """
        if not _TOKEN.fullmatch(access_token):
            raise ProviderRefusal
        response = _in_our_words(self._told_of, access_token)
        uid = self.get_user_id({}, response)
        if user_id and user_id != uid:
            raise ProviderNonsense
        return Identity(provider=self.name, uid=uid, response=response, client_id=self.client_of_token(response))

    def _exchanged_for(self, state: str) -> dict[str, Any]:
        return self.request_access_token(
            self.access_token_url(),
            method=self.ACCESS_TOKEN_METHOD,
            data=self.auth_complete_params(state),
            headers=self.auth_headers(),
        )

    @sensitive_variables()
    def _told_of(self, access_token: str) -> dict[str, Any]:
        response = self.user_data(access_token) or {}
        self.process_error(response, stage="user_info")
        return response

    def get_user_id(self, details: Any, response: Mapping[str, Any]) -> str:
        """The provider's own id of the person, as text; ProviderNonsense when there is none to trust.

        Accepted are positive integers and 1-64 of `A-Z a-z 0-9 _ -`. Missing, null, "None", 0, lists, objects and
        booleans are refused: each once made one account out of many people somewhere.
        """
        return read_user_id(response.get(self.ID_KEY))

    def user_id_of_tokens(self, response: Mapping[str, Any]) -> str:
        """The person named beside the tokens; only VK ID names one."""
        return ""

    def client_of_token(self, response: Mapping[str, Any]) -> str:
        """The client the provider says a token was issued to; only Yandex documents that it says so."""
        return ""

    def email_of(self, response: Mapping[str, Any]) -> str:
        """The provider's address of mail for the person, unchecked; "" when there is none."""
        return read_text(response.get("email"))

    def get_user_details(self, response: Mapping[str, Any]) -> dict[str, str]:
        """What the pipeline knows of the person: e-mail and names, "" for what the provider does not tell."""
        return {
            "email": self.email_of(response),
            "first_name": read_text(response.get("first_name")),
            "last_name": read_text(response.get("last_name")),
        }


@sensitive_variables()
def _in_our_words(ask: Callable[[str], dict[str, Any]], secret: str) -> dict[str, Any]:
    """What `ask` returns for `secret`; turn social-core's exceptions into the house's.

    social-core keeps what the provider said in its exceptions, and a provider may echo a token. So ours are raised
    outside the handler: neither their text nor their chain leads to those.
    """
    try:
        return ask(secret)
    except (AuthResponseError, AuthSessionError):
        failure: type[DomainError] = ProviderNonsense
    except SocialAuthBaseException as error:
        failure = ProviderUnreachable if error.code in {"unavailable", "rate_limited"} else ProviderRefusal
    raise failure


def read_text(value: Any, *, max_length: int = 255) -> str:
    """`value` if it is a printable string of at most `max_length` characters, else ""."""
    return value.strip() if isinstance(value, str) and len(value) <= max_length and value.isprintable() else ""


def read_user_id(value: Any) -> str:
    """`value` as a user id: a positive integer, or 1-64 letters, digits, `_` and `-`. Raises ProviderNonsense."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        value = str(value)
    if not isinstance(value, str) or not _USER_ID.fullmatch(value):
        raise ProviderNonsense
    if value.lower() in _NO_USER_ID or not value.strip("0"):
        raise ProviderNonsense
    return value


def read_token(value: Any, *, optional: bool = False) -> str:
    """`value` if it is a token; "" for none where that is allowed. Raises ProviderNonsense."""
    if optional and (value is None or value == ""):
        return ""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ProviderNonsense
    return value


def read_seconds(value: Any) -> int:
    """A lifetime in seconds, 0 for none; some providers spell it as text."""
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SECONDS:
        raise ProviderNonsense
    return value
