"""authsite/env.py: settings that are JSON; and that every setting and command is documented."""

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from authsite import env, serve


@pytest.mark.parametrize(
    ("text", "value"),
    [("", {}), ("  ", {}), ("{}", {}), ('{"bucket_name": "a", "n": 1}', {"bucket_name": "a", "n": 1})],
)
def test_a_mapping_is_a_json_object(monkeypatch, text, value):
    monkeypatch.setenv("SOME_OPTIONS", text)
    assert env.mapping("SOME_OPTIONS") == value


def test_without_it_there_is_none(monkeypatch):
    monkeypatch.delenv("SOME_OPTIONS", raising=False)
    assert env.mapping("SOME_OPTIONS") == {}


@pytest.mark.parametrize("text", ["[]", "1", '"text"', "null", "{", "a=b"])
def test_anything_else_is_told_by_name(monkeypatch, text):
    monkeypatch.setenv("SOME_OPTIONS", text)
    with pytest.raises(ImproperlyConfigured, match="SOME_OPTIONS"):
        env.mapping("SOME_OPTIONS")


def test_a_secret_is_generated_once_for_its_owner_only(monkeypatch, tmp_path):
    monkeypatch.delenv("SOME_SECRET", raising=False)
    path = tmp_path / "some_secret"
    first, is_generated = env.secret("SOME_SECRET", path)
    assert is_generated
    assert len(first) >= 64
    assert (path.stat().st_mode & 0o777, [*tmp_path.iterdir()]) == (0o600, [path])
    assert env.secret("SOME_SECRET", path) == (first, True)
    monkeypatch.setenv("SOME_SECRET", "given")
    assert env.secret("SOME_SECRET", path) == ("given", False)


WEB = ("http", "https")
CACHES = ("redis", "rediss", "unix")


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (lambda name: env.number(name, 0, most=65_535), " 65535 ", 65_535),
        (lambda name: env.address(name, schemes=WEB), "https://[::1]:8000", "https://[::1]:8000"),
        (lambda name: env.address(name, schemes=CACHES), "redis://:a@host/1", "redis://:a@host/1"),
        (lambda name: env.address(name, schemes=CACHES), "unix:///run/redis", "unix:///run/redis"),
        (lambda name: env.address(name, schemes=WEB), "", ""),
    ],
)
def test_what_can_be_read_is(monkeypatch, read, text, value):
    monkeypatch.setenv("SOME_SETTING", text)
    assert read("SOME_SETTING") == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lambda name: env.number(name, 0), "MARKER"),
        (lambda name: env.number(name, 0, least=1), "0"),
        (lambda name: env.number(name, 0, most=65_535), "65536"),
        *(
            (lambda name: env.address(name, schemes=WEB), text)
            for text in ("a", "http://", "//a", "http://a:b", "ftp://a")
        ),
        (lambda name: env.address(name, schemes=CACHES), "redis://:MARK/ER@host"),
        *((lambda name: env.database(name, "sqlite:///a"), text) for text in ("a", "mysql://user:MARKER@host/a")),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_cannot_is_told_by_name_in_one_line_and_without_a_password(monkeypatch, read, text):
    monkeypatch.setenv("SOME_SETTING", text)
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_SETTING .+\.$") as refused:
        read("SOME_SETTING")
    assert text == "MARKER" or "MARK" not in str(refused.value)


@pytest.mark.parametrize("program", [["-m", "authsite.serve"], ["manage.py", "show_user", "x"]])
def test_a_wrong_setting_ends_every_program_with_one_line(program):
    environment = os.environ | {"PORT": "99999"}
    ended = subprocess.run(
        [sys.executable, *program], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "authsite: PORT is '99999'; it must be a whole number, 0 to 65535.\n"


def test_the_server_starts_with_no_setting_that_only_a_request_would_find_wrong(settings):
    serve.refuse_wrong_settings()
    settings.TRUSTED_PROXIES = ["127.0.0.0/8", "zz"]
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "nope.Nope"}}
    settings.OAUTH_VK_CLIENT_ID, settings.OAUTH_VK_TOKEN_URL = "1", "http://provider.example"
    with pytest.raises(SystemExit) as refused:
        serve.refuse_wrong_settings()
    told = str(refused.value.code).splitlines()
    assert len(told) == 3
    for line, name in zip(sorted(told), ("MEDIA_STORAGE", "OAUTH_VK_TOKEN_URL", "TRUSTED_PROXIES"), strict=True):
        assert line.startswith(f"authsite: {name} ")


def test_every_setting_stands_in_the_example_and_in_the_readme():
    settings_read = set(
        re.findall(r'env\.\w+\(\s*"([A-Z][A-Z0-9_]+)"', (settings.BASE_DIR / "authsite/settings.py").read_text())
    )
    settings_read -= {"IS_SERVING"}  # The server says it of itself.
    example = set(
        re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (settings.BASE_DIR / ".env.example").read_text(), re.MULTILINE)
    )
    assert settings_read <= example
    readme = (settings.BASE_DIR / "README.md").read_text()
    of_a_provider = re.compile(r"OAUTH_(VK|MAILRU|YANDEX)_")
    assert {name for name in settings_read if of_a_provider.sub("", name) not in readme} == set()


def test_every_command_stands_in_the_readme():
    ours = {path.stem for path in settings.BASE_DIR.glob("*/management/commands/*.py")} - {"__init__"}
    readme = (settings.BASE_DIR / "README.md").read_text()
    assert {name for name in ours if f"`{name}`" not in readme} == set()
