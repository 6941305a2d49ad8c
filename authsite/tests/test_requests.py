"""authsite/requests.py: no header keeps a request from being answered."""

import asyncio
import io
import json

import pytest

from authsite import asgi, wsgi

PATHS = {
    "/auth": {"status": "Refused", "reason": "BadRequest", "description": "UnsupportedMediaType"},
    "/api/v0/tokens": {"error": "The body must be JSON or a form, in UTF-8."},
    "/authorization/login/email": {"message": "The body must be JSON or a form, in UTF-8."},
    "/account/login": {"errorMessage": "The body must be JSON or a form, in UTF-8."},
}
CHARSETS = ["bz2_codec", "rot13", "hex", "zip", "uu", "utf-16", "koi8-r", "no-such-charset", "\xff"]


@pytest.mark.django_db
@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_charset_is_415_by_wsgi(path, charset):
    told = {}
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "username=ivan&email=ivan",
        "CONTENT_TYPE": f"application/json; charset={charset}",
        "CONTENT_LENGTH": "2",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_BROWSER": "Firefox 140",
        "wsgi.input": io.BytesIO(b"{}"),
        "wsgi.url_scheme": "http",
    }
    body = b"".join(wsgi.application(environ, lambda status, headers: told.update(status=status)))
    assert (told["status"], json.loads(body)) == ("415 Unsupported Media Type", PATHS[path])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_charset_is_415_by_asgi(path):
    sent = []

    async def ask():
        received = iter([{"type": "http.request", "body": b"{}"}])

        async def receive():
            try:
                return next(received)
            except StopIteration:
                await asyncio.sleep(30)

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"username=ivan&email=ivan",
            "headers": [
                (b"host", b"127.0.0.1"),
                (b"content-type", b"application/json; charset=bz2_codec"),
                (b"content-length", b"2"),
                (b"browser", b"Firefox 140"),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        await asgi.application(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 415
    assert json.loads(sent[1]["body"]) == PATHS[path]
