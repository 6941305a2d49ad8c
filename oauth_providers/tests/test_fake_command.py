"""manage.py fake_oauth_provider, as a person starts it."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.once


def command(*arguments: str, debug: str = "1") -> subprocess.Popen[str]:
    environment = {**os.environ, "DEBUG": debug, "REQUIRE_TLS": "0"}
    program = [sys.executable, "manage.py", "fake_oauth_provider", "--port", "0", *arguments]
    return subprocess.Popen(
        program, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_without_debug_it_refuses_with_a_word_and_a_code():
    process = command(debug="0")
    out, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    assert error.startswith("CommandError: fake_oauth_provider lets anybody be anybody")


@pytest.mark.parametrize("wish", ["vk/token=dance", "ok/token=stall"])
def test_an_unknown_wish_is_refused(wish, settings):
    settings.DEBUG = True
    with pytest.raises(CommandError):
        call_command("fake_oauth_provider", port=0, misbehave=[wish])


def test_it_serves_and_prints_the_settings_that_use_it():
    process = command("--consent", "give", "--misbehave", "yandex/userinfo=500")
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(15)]
        printed = dict(line.split("=", 1) for line in lines)
        assert set(printed) == {
            f"OAUTH_{prefix}_{name}"
            for prefix in ("VK", "MAILRU", "YANDEX")
            for name in ("CLIENT_ID", "CLIENT_SECRET", "AUTHORIZE_URL", "TOKEN_URL", "USERINFO_URL")
        }
        with urllib.request.urlopen(f"{printed['OAUTH_MAILRU_USERINFO_URL']}?access_token=x", timeout=5) as answer:
            assert json.load(answer)["error"] == "invalid_token"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(printed["OAUTH_YANDEX_USERINFO_URL"], timeout=5)
        assert caught.value.code == 500
    finally:
        process.kill()
        process.communicate()
