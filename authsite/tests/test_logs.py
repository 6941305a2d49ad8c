"""What a line of the log may hold."""

import logging

import pytest


def written(*arguments, **options):
    """The line as the configured handler writes it."""
    record = logging.getLogger("django.server").makeRecord("django.server", logging.INFO, "f", 1, *arguments, **options)
    console = next(handler for handler in logging.getLogger().handlers if handler.get_name() == "console")
    return console.format(record)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("GET /auth?username=ivan&password=MARKER HTTP/1.1", '"GET /auth?… HTTP/1.1" 200'),
        ('GET /auth?password=MARKER"MARKER HTTP/1.1', '"GET /auth?… HTTP/1.1" 200'),
        ("GET /auth?a=b?token=MARKER HTTP/1.1", '"GET /auth?… HTTP/1.1" 200'),
        ("GET /healthz HTTP/1.1", '"GET /healthz HTTP/1.1" 200'),
    ],
)
def test_a_query_is_in_no_line(line, kept):
    text = written('"%s" %s', (line, "200"), None)
    assert text.endswith(f"INFO django.server {kept}")
    assert "MARKER" not in text


def test_nor_in_a_traceback():
    try:
        raise ValueError("no such address: /auth?password=MARKER")
    except ValueError as error:
        text = written("failed", (), (ValueError, error, error.__traceback__))
    assert "ValueError: no such address: /auth?…" in text
    assert "MARKER" not in text
