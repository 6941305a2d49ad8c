"""What every test stands on."""

import os
from collections.abc import Iterator

# Cheap hashes: the tests are about what is hashed and when, not about how long it takes.
os.environ.setdefault("ARGON2_MEMORY_KIB", "8")
os.environ.setdefault("ARGON2_TIME_COST", "1")
# Tests that run side by side have databases of their own, and share a Valkey if there is one.
os.environ["REDIS_PREFIX"] = f"authsite-test-{os.getpid()}:"

import pytest

from accounts.services import counters, lockout
from tokens.services import keys


@pytest.fixture(autouse=True)
def _no_remembered_keys():
    """A test's signing keys go with its database; the ring in memory would outlive them by seconds."""
    keys.forget()


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    """Every test begins with nothing counted against anybody; the database forgets by itself, these do not."""
    lockout.forget()
    yield
    counters.forget()
