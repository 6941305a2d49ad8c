"""How profiles refuse."""

from django.utils.translation import gettext_lazy as _

from accounts.errors import InvalidInput


class AvatarRefused(InvalidInput):
    """Not a picture that can be an avatar; the text says why."""

    code = "avatar_refused"
    text = _("This is not a picture that can be read.")

    def __init__(self, text: object = None) -> None:
        super().__init__("avatar", text)


class AvatarTooLarge(AvatarRefused):
    """More bytes than an avatar may have."""

    code = "avatar_too_large"
    text = _("A picture has at most 5 MiB.")
