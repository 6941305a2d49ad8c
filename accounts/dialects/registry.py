"""Which envelope a path wears, by its first segment: for what is refused before any view is reached."""

from accounts.dialects.base import Envelope, PlainEnvelope
from accounts.dialects.cabinet import CabinetEnvelope
from accounts.dialects.gigachat import GigachatEnvelope
from accounts.dialects.goncord import GoncordEnvelope
from accounts.dialects.registration import RegistrationEnvelope

_ENVELOPES: dict[str, Envelope] = {
    **dict.fromkeys(("account", "info"), CabinetEnvelope()),
    **dict.fromkeys(("api", "v0"), GoncordEnvelope()),
    **dict.fromkeys(("authorization", "validate", "vk", "mail.ru", "yandex"), RegistrationEnvelope()),
    **dict.fromkeys(("register", "auth", "control"), GigachatEnvelope()),
}
_PLAIN = PlainEnvelope()


def envelope(path: str) -> Envelope:
    """The envelope of the dialect that `path` belongs to; `{"message": text}` for all others."""
    return _ENVELOPES.get(first_segment(path), _PLAIN)


def first_segment(path: str) -> str:
    """`account` of `/account/me`."""
    return path.lstrip("/").partition("/")[0]
