"""What every test stands on."""

import os

# Cheap hashes: the tests are about what is hashed and when, not about how long it takes.
os.environ.setdefault("ARGON2_MEMORY_KIB", "8")
os.environ.setdefault("ARGON2_TIME_COST", "1")

import pytest

from tokens.services import keys


@pytest.fixture(autouse=True)
def _no_remembered_keys():
    """A test's signing keys go with its database; the ring in memory would outlive them by seconds."""
    keys.forget()
