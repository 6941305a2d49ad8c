"""authsite/env.py: settings that are JSON; and that every setting and command is documented."""

import re

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from authsite import env


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
