"""Who may ask about the sign-ins of an account, and end them: whoever holds a working token of it, or its password."""

from dataclasses import dataclass

from accounts.clients import Client, Dialect
from accounts.errors import TokenNotWorking
from accounts.models import User
from accounts.services import credentials
from tokens.formats import TokenType
from tokens.models import SignIn
from tokens.services import resolving

# A refresh token only refreshes.
CONTROLLING = (TokenType.GIGACHAT, TokenType.CABINET, TokenType.GONCORD, TokenType.REGISTRATION_ACCESS)


@dataclass(frozen=True, slots=True)
class Holder:
    """The account, and the sign-in whose token was presented; none where it was the password."""

    user: User
    sign_in: SignIn | None = None


def by_token(identifier: str, token: str, *, client: Client | None = None) -> Holder:
    """The holder of a working token of any dialect, when `identifier` names its account. One query when it works.

    The token is resolved first, so that a user name of digits cannot shadow an account's id. Raises TokenNotWorking,
    and Throttled when `client` has presented too many that do not work.
    """
    sign_in = resolving.resolve(token, *CONTROLLING, client=client)
    if not credentials.names(identifier, sign_in.user):
        raise TokenNotWorking
    return Holder(sign_in.user, sign_in)


def by_token_or_password(identifier: str, secret: str, *, dialect: Dialect, client: Client) -> Holder:
    """As `by_token`; what has not the shape of a token of ours is tried as the password of the account named.

    Raises TokenNotWorking, InvalidCredentials, Throttled; a wrong password counts as a failed sign-in.
    """
    if resolving.shaped(secret):
        return by_token(identifier, secret, client=client)
    user = credentials.find_also_by_id(identifier)
    return Holder(credentials.verify(user, secret, named=identifier, dialect=dialect, client=client))


def holds(identifier: str, token: str, *, client: Client) -> bool:
    """Whether `token` is a working token of the account that `identifier` names; a password is none.

    One query when it is. Raises Throttled when `client` has presented too many that do not work.
    """
    try:
        by_token(identifier, token, client=client)
    except TokenNotWorking:
        return False
    return True
