"""Every way the house refuses. An error has a stable `code`, a translatable `text` and facts; no HTTP status.

Each dialect's table (`accounts/dialects`) gives the same refusal a status and a code of its own; an app's own
errors subclass one of these, so that a table finds them by their parent.
"""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """What the house refuses, and why."""

    code = "refused"
    text: object = _("The request was refused.")

    def __init__(self, text: object = None) -> None:
        if text is not None:
            self.text = text
        super().__init__(self.code)


class InvalidInput(DomainError):
    """A value that cannot be accepted; `field` is the stored name of what was wrong."""

    code = "invalid"
    text = _("This value is not valid.")

    def __init__(self, field: str, text: object = None) -> None:
        self.field = str(field)
        super().__init__(text)


class InvalidIdentifier(InvalidInput):
    """Not an identifier of the wanted kind; `field` is the kind."""

    code = "invalid_identifier"
    _texts = {
        "username": _("This is not a valid user name."),
        "email": _("This is not a valid e-mail address."),
        "phone": _("This is not a valid phone number."),
    }

    def __init__(self, field: str) -> None:
        super().__init__(field, self._texts[str(field)])


class PasswordRefused(InvalidInput):
    """A new password that the policy does not accept; `texts` says why, one sentence each."""

    code = "password_refused"

    def __init__(self, texts: Iterable[object]) -> None:
        self.texts = list(texts)
        super().__init__("password", " ".join(str(text) for text in self.texts))


class WrongCurrentPassword(InvalidInput):
    """The present password given with a change was wrong."""

    code = "wrong_password"
    text = _("The current password is wrong.")

    def __init__(self) -> None:
        super().__init__("old_password")


class IdentifierTaken(DomainError):
    """An identifier belongs to another account, or did; `fields` are the kinds that are taken, most telling first."""

    code = "identifier_taken"
    _texts = {
        "username": _("This user name is already registered."),
        "email": _("This e-mail address is already registered."),
        "phone": _("This phone number is already registered."),
    }

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields = [str(field) for field in fields]
        super().__init__(self._texts[self.fields[0]])

    def text_of(self, field: str) -> object:
        """The sentence about one of `fields`."""
        return self._texts[field]


class InvalidCredentials(DomainError):
    """Unknown account and wrong password alike: a caller cannot tell which."""

    code = "invalid_credentials"
    text = _("The identifier or the password is wrong.")


class AccountNotActive(InvalidCredentials):
    """A deactivated account; told to nobody, hence the parent's row and text."""


class TokenNotWorking(DomainError):
    """A token that is unknown, of another type or dialect, expired, revoked, or of an account that may not act."""

    code = "token_not_working"
    text = _("The token is missing or no longer works.")


class NotAllowed(DomainError):
    """Known who asks, and that one may not."""

    code = "not_allowed"
    text = _("This is not allowed.")


class ApplicationNotAllowed(NotAllowed):
    """No application, an unknown or inactive one, or one without the status the call needs."""

    code = "application_not_allowed"
    text = _("This call needs the token of an application that may make it.")


class ForeignOrigin(NotAllowed):
    """A cookie alone would act for a page that is neither ours nor allowed."""

    code = "foreign_origin"
    text = _("A page of another site cannot do this with a cookie. Send the token in `Authorization`.")


class NotFound(DomainError):
    """There is nothing by that name."""

    code = "not_found"
    text = _("There is nothing here by that name.")


class AccountNotFound(NotFound):
    """No active account by that name."""

    code = "account_not_found"
    text = _("There is no such user.")


class Conflict(DomainError):
    """What was asked contradicts what is."""

    code = "conflict"
    text = _("This contradicts what is already there.")


class LastSuperuser(Conflict):
    """The last active superuser cannot be deleted, deactivated or made less: nobody could put it right again."""

    code = "last_superuser"
    text = _("This is the last active superuser. Make another one first.")


class Throttled(DomainError):
    """Too many tries; `retry_after` is in whole seconds."""

    code = "throttled"
    text = _("Too many attempts. Try again later.")

    def __init__(self, retry_after: int, text: object = None) -> None:
        self.retry_after = max(1, int(retry_after))
        super().__init__(text)


class AccountLocked(Throttled):
    """An identifier held back after failures, also for the right secret."""

    code = "account_locked"


class Unavailable(DomainError):
    """The house cannot answer now; `retry_after` is in whole seconds."""

    code = "unavailable"
    text = _("The service is not available right now. Try again shortly.")

    def __init__(self, retry_after: int = 1, text: object = None) -> None:
        self.retry_after = max(1, int(retry_after))
        super().__init__(text)


class BadGateway(DomainError):
    """Somebody the house depends on did not answer, or answered nonsense."""

    code = "bad_gateway"
    text = _("The provider did not give a usable answer.")


class UnsafeHandling(DomainError):
    """A secret came where the operator does not accept one: in a query string."""

    code = "unsafe_handling"
    text = _("Secrets are not accepted in the query string. Send them in the body or in a header.")
