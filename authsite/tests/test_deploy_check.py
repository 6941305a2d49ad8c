"""What `check --deploy` says of the settings that the documentation recommends, and of those it warns about."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "REQUIRE_TLS": "1",
    "SECRET_KEY": "".join(chr(33 + number % 90) for number in range(7, 97)),
    "ALLOWED_HOSTS": "accounts.example",
    "PUBLIC_URL": "https://accounts.example",
    # What the tests lower for speed.
    "ARGON2_MEMORY_KIB": "",
    "ARGON2_TIME_COST": "",
}


def check(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | PRODUCTION | environment, capture_output=True, text=True, timeout=120
    )


def test_production_as_documented_passes_without_a_warning():
    answer = check()
    assert answer.returncode == 0, answer.stderr
    assert "WARNINGS" not in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"REQUIRE_TLS": "0", "SECRET_KEY": "s" * 60}, ["security.W008", "security.W009"]),
        ({"SECRET_KEY": "".join(chr(33 + number) for number in range(49))}, ["50 random characters or more"]),
        ({"ARGON2_MEMORY_KIB": "8"}, ["accounts.W001"]),
        (
            {"TRUSTED_PROXIES": "nonsense", "STAFF_NETWORKS": "10.0.0.0/33"},
            ["accounts.E001", "STAFF_NETWORKS names '10.0.0.0/33', which is no network."],
        ),
        ({"ALLOWED_HOSTS": "*"}, ["ALLOWED_HOSTS"]),
        ({"DEBUG": "1"}, ["DEBUG"]),
    ],
)
def test_what_is_dangerous_fails_it(environment, words):
    answer = check(**environment)
    assert answer.returncode != 0
    assert [word for word in words if word not in answer.stderr] == []
