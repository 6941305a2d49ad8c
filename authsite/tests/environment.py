"""The environment of a test run, set before Django reads its settings from it."""

import os
import re
from pathlib import Path

_dotenv = Path(__file__).resolve().parents[2] / ".env"
if _dotenv.is_file():
    # An empty value means "not set": what a developer wrote for `make run` decides no test.
    for _name in re.findall(r"^\s*(?:export\s+)?(\w+)\s*=", _dotenv.read_text(), re.MULTILINE):
        os.environ.setdefault(_name, "")

# Passwords hashed in a millisecond; the tests of the hasher itself ask for its real cost.
os.environ.setdefault("ARGON2_MEMORY_KIB", "8")
os.environ.setdefault("ARGON2_TIME_COST", "1")

# A small number, so that tests of what comes after it stay short.
os.environ.setdefault("FAILURES_PER_ACCOUNT", "5")

# Each worker of pytest-xdist flushes a Valkey database of its own.
if _valkey := os.environ.get("REDIS_URL"):
    _worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    os.environ["REDIS_URL"] = f"{_valkey.rpartition('/')[0]}/{_worker}"
