"""What we stand on is not older than the releases that closed known holes."""

import re
from importlib.metadata import PackageNotFoundError, version

import pytest

from authsite.tests.live import ROOT

# The first releases without the advisories that concern us.
FLOORS = {
    "django": "5.2.19",
    "djangorestframework": "3.18.3",
    "djangorestframework-simplejwt": "5.5.1",
    "gunicorn": "23",
    "pillow": "12.3.0",
    "pyjwt": "2.15.1",
    "social-auth-app-django": "8.0",
    "social-auth-core": "7.0",
}


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


@pytest.mark.parametrize("name", FLOORS)
def test_what_is_installed_and_what_may_be_is_no_older_than_its_floor(name):
    assert numbers(version(name)) >= numbers(FLOORS[name])
    required = re.search(rf"(?m)^{name}(?:\[\w+\])?>=([\d.]+),<", (ROOT / "requirements.txt").read_text())
    assert required is not None
    assert numbers(required[1]) >= numbers(FLOORS[name])


def test_what_would_hold_others_back_is_not_there():
    # It wants a social-auth-app-django older than 8.
    with pytest.raises(PackageNotFoundError):
        version("djoser")
