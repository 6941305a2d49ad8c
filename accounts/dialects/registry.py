"""Which dialect a path belongs to, by its first segment: for what is refused before any view is reached."""

from accounts.clients import Dialect
from accounts.dialects.base import Envelope, PlainEnvelope
from accounts.dialects.cabinet import CabinetEnvelope
from accounts.dialects.gigachat import GigachatEnvelope
from accounts.dialects.goncord import GoncordEnvelope
from accounts.dialects.registration import RegistrationEnvelope

_ENVELOPES: dict[Dialect, Envelope] = {
    Dialect.GIGACHAT: GigachatEnvelope(),
    Dialect.GONCORD: GoncordEnvelope(),
    Dialect.REGISTRATION: RegistrationEnvelope(),
    Dialect.CABINET: CabinetEnvelope(),
    Dialect.SITE: PlainEnvelope(),
}
_SEGMENTS: dict[str, Dialect] = {
    **dict.fromkeys(("account", "info"), Dialect.CABINET),
    **dict.fromkeys(("api", "v0"), Dialect.GONCORD),
    **dict.fromkeys(("authorization", "validate", "vk", "mail.ru", "yandex"), Dialect.REGISTRATION),
    **dict.fromkeys(("register", "auth", "control"), Dialect.GIGACHAT),
}


def dialect(path: str) -> Dialect:
    """The dialect of `/account/me`, cabinet, by its first segment; SITE for what belongs to none."""
    return _SEGMENTS.get(path.lstrip("/").partition("/")[0], Dialect.SITE)


def envelope(path: str) -> Envelope:
    """The envelope of that dialect; `{"message": text}` for all others."""
    return _ENVELOPES[dialect(path)]
