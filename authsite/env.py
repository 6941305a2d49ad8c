"""The environment: `.env` when present, `NAME_FILE` for secrets, a clear word when a value is wrong."""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

# The addresses that mean "listen on every interface".
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104

_DATABASES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")

_env = environ.FileAwareEnv()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a setting was read as, and where from: `default`, `environment` (and `.env`), `file` or `generated`."""

    value: Any
    origin: str


# Everything asked for so far, by its name in the environment: `show_config` tells of it.
readings: dict[str, Reading] = {}


def read_file(path: Path) -> None:
    """Add what `path` sets to the environment; what is already set there wins."""
    if path.is_file():
        _env.read_env(str(path))


def _read(name: str, cast: Callable[..., T], default: T) -> T:
    # An empty value means "not set", so that `NAME=` in `.env` asks for the default.
    origin = "environment" if os.environ.get(name, "").strip() else "file" if os.environ.get(f"{name}_FILE") else ""
    if not origin:
        readings[name] = Reading(default, "default")
        return default
    try:
        value = cast(name)
        readings[name] = Reading(value, origin)
        return value
    except ImproperlyConfigured:
        raise
    except Exception as error:
        raise ImproperlyConfigured(f"{name} is set to something that cannot be read: {error}") from error


def text(name: str, default: str = "") -> str:
    """The value as text, surrounding white space removed."""
    return _read(name, lambda key: str(_env.str(key)).strip(), default)


def flag(name: str, default: bool = False) -> bool:
    """`1 true yes on` and `0 false no off`, in any case; anything else is an error."""
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

    def cast(key: str) -> bool:
        word = str(_env.str(key)).strip().lower()
        if word not in words:
            raise ImproperlyConfigured(f"{name} is {word!r}; write 1 or 0.")
        return words[word]

    return _read(name, cast, default)


def number(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """A whole number, `least` or more, and `most` at most."""
    wanted = f"{least} or more" if most is None else f"{least} to {most}"

    def cast(key: str) -> int:
        text = str(_env.str(key)).strip()
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise ImproperlyConfigured(f"{name} is {text!r}; it must be a whole number, {wanted}.")
        return value

    return _read(name, cast, default)


def words(name: str, default: list[str] | None = None) -> list[str]:
    """A list separated by commas, blanks removed."""
    return _read(name, lambda key: [w.strip() for w in _env.str(key).split(",") if w.strip()], default or [])


def mapping(name: str) -> dict[str, Any]:
    """A JSON object; empty when not set."""

    def cast(key: str) -> dict[str, Any]:
        value = json.loads(_env.str(key))
        if not isinstance(value, dict):
            raise ImproperlyConfigured(f"{name} must be a JSON object.")
        return value

    return _read(name, cast, {})


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of `allowed`."""
    value = text(name, default).lower()
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
    return value


def address(name: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
    """An absolute address that begins with one of `schemes`; one of `unix` names a path in place of a host."""

    def cast(key: str) -> str:
        text = str(_env.str(key)).strip()
        if not _is_address(text, schemes):
            # What it is set to stays untold: a password may stand in it.
            beginnings = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ImproperlyConfigured(f"{name} is no absolute address; it must begin with {beginnings}.")
        return text

    return _read(name, cast, default)


def database(name: str, default: str) -> dict[str, Any]:
    """A Django database from a URL: `sqlite:///path`, `postgresql://user:password@host/name`."""

    def cast(key: str) -> dict[str, Any]:
        scheme = str(_env.str(key)).strip().partition(":")[0]
        if _env.DB_SCHEMES.get(scheme) not in _DATABASES:
            raise ImproperlyConfigured(f"{name} must begin with sqlite:/// or postgresql://.")
        return dict(_env.db_url(key))

    found = _read(name, cast, _env.db_url_config(default))
    text(name, default)  # Remembered as it was written, not as Django fills it in.
    return found


def secret(name: str, path: Path) -> tuple[str, bool]:
    """The secret `name`, and whether it was generated: once, into `path`, readable by its owner only."""
    if value := text(name):
        return value, False
    # Written aside and linked into place: of two processes starting at once one wins, and no one reads half a key.
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(64))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    value = path.read_text().strip()
    readings[name] = Reading(value, "generated")
    return value, True


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        place = parts.path if parts.scheme == "unix" else parts.hostname
        return parts.scheme in schemes and bool(place) and parts.port != 0
    except ValueError:
        return False
