"""What this app refuses, and what goes wrong between the house and a provider."""

from django.utils.translation import gettext_lazy as _

from accounts.errors import AccountNotFound, BadGateway, Conflict, DomainError, NotAllowed, TokenNotWorking, Unavailable


class ProviderUnreachable(BadGateway):
    """No connection, no valid certificate, no answer in time, or the provider's own 5xx."""

    code = "provider_unreachable"
    text = _("The provider cannot be reached. Try again later.")


class TooManyCalls(ProviderUnreachable):
    """We have as many calls under way as we allow: nothing was sent, so the same request is good a moment later."""

    code = "too_many_calls"


class ProviderNonsense(BadGateway):
    """A redirect, an answer over the limit, not a JSON object, or one without what it must hold."""

    code = "provider_nonsense"
    text = _("The provider's answer makes no sense. Try again later.")


class ProviderRefusal(DomainError):
    """The provider answered, and refused what we passed on. Services say whether that was a code or a token."""

    code = "provider_refusal"
    text = _("The provider refused the request.")


class ProviderOff(Unavailable):
    """The operator has given this provider no client id."""

    code = "provider_off"
    text = _("Sign-in with this provider is switched off.")

    def __init__(self, retry_after: int = 3600) -> None:
        # Only an operator can change it, so there is no use in asking every second.
        super().__init__(retry_after)


class AttemptRefused(DomainError):
    """A state that is unknown, used, of another browser or too old, or a code that is not of its attempt."""

    code = "attempt_refused"
    text = _("This sign-in is unknown, already used or too old. Begin again.")


class ConsentRefused(AttemptRefused):
    """The provider sent the person back without a code: they declined, or it did."""

    code = "consent_refused"
    text = _("The sign-in was declined there, or the provider could not confirm it.")


class CodeRefused(AttemptRefused):
    """A code that the provider refuses, that was used before, or that no attempt of ours has brought."""

    code = "code_refused"
    text = _("The code is wrong or already used. Begin again.")


class ProviderTokenRefused(TokenNotWorking):
    """A provider's token that the provider rejects, or that was not issued to us."""

    code = "provider_token_refused"
    text = _("The provider's token is not accepted here.")


class NotRegistered(AccountNotFound):
    """Nobody has registered, or linked an account, with this account of the provider."""

    code = "not_registered"
    text = _("This account of the provider is not registered here.")


class StaffNeedPassword(NotAllowed):
    """A page of ours opens the admin to staff, and a provider's account is no key to that."""

    code = "staff_need_password"
    text = _("Staff sign in with their password.")


class IdentityTaken(Conflict):
    """The provider's account belongs to an account of ours already."""

    code = "identity_taken"
    text = _("This account of the provider is already registered. Sign in with it.")


class EmailOwned(Conflict):
    """The e-mail the provider tells belongs to an account; an e-mail alone never links (security.md S41)."""

    code = "email_owned"
    text = _("An account with this e-mail address exists. Sign in to it first, then link the provider.")


class IdentityLinkedElsewhere(IdentityTaken):
    """The provider's account is linked to another account of ours."""

    code = "identity_linked_elsewhere"
    text = _("This account of the provider is linked to another account.")


class AnotherIdentityLinked(Conflict):
    """This account has another account of the same provider."""

    code = "another_identity_linked"
    text = _("Another account of this provider is linked already. Unlink it first.")


class LastWayIn(Conflict):
    """The only thing left by which the account can be entered."""

    code = "last_way_in"
    text = _("This is the only way to sign in to the account. Set a password first.")
