"""Settings that are JSON."""

import pytest
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
