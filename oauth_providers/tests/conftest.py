"""The three providers on loopback, for every test that asks for `fake`."""

from collections.abc import Iterator

import pytest

from oauth_providers import conf
from oauth_providers.fake import FakeProviders


@pytest.fixture(scope="session")
def _providers() -> Iterator[FakeProviders]:
    with FakeProviders() as providers:
        yield providers


@pytest.fixture
def fake(_providers, settings) -> FakeProviders:
    """The provider server as new, with all three providers switched on and pointing at it."""
    _providers.reset(consent="give")
    for key, prefix in conf.PREFIXES.items():
        for name, value in _providers.settings(key).items():
            setattr(settings, f"OAUTH_{prefix}_{name}", value)
    return _providers
