"""authsite/pages.py and the refusals outside every view."""

import json

import pytest
from django.db import OperationalError, connection


@pytest.mark.django_db
def test_healthz_asks_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_names_what_it_asked(client):
    response = client.get("/readyz")
    assert response.json() == {"status": "ok", "database": "ok", "migrations": "ok", "cache": "ok"}
    assert response.status_code == 200


@pytest.mark.django_db
def test_readyz_is_503_when_the_database_is_away(client, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("could not connect to server at db.internal")

    monkeypatch.setattr(connection, "cursor", away)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["database"] == "not ready"
    assert "db.internal" not in response.content.decode()


@pytest.mark.parametrize(
    ("language", "word"),
    [("ru", "Один набор учётных записей"), ("en", "One set of accounts"), ("de", "One set of accounts")],
)
def test_the_first_page_speaks_the_language_asked_for(client, language, word):
    response = client.get("/", headers={"Accept-Language": language})
    assert response.status_code == 200
    assert word in response.content.decode()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/account/nothing", {"errorMessage": "There is nothing at this address."}),
        ("/info", {"errorMessage": "There is nothing at this address."}),
        ("/nothing", {"message": "There is nothing at this address."}),
    ],
)
def test_an_unknown_path_wears_its_dialects_envelope(client, path, body):
    response = client.get(path)
    assert (response.status_code, response.json()) == (404, body)
    assert response["Cache-Control"] == "no-store"


def test_a_browser_gets_a_small_page(client):
    response = client.get("/nothing", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert response["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1@evil.example", ""])
def test_a_foreign_host_is_refused(client, host):
    response = client.get("/account/me", headers={"Host": host})
    assert (response.status_code, response.json()) == (400, {"errorMessage": "The request could not be read."})


def test_an_address_that_is_too_long_is_414_every_time(client):
    for _ in range(2):
        response = client.get("/account/login/check?login=" + "a" * 9000)
        assert (response.status_code, response.json()) == (414, {"errorMessage": "The address is too long."})


def test_tls_where_it_is_required(client, settings):
    settings.REQUIRE_TLS = settings.SECURE_SSL_REDIRECT = True
    refused = client.get("/account/me")
    assert refused.status_code == 403
    assert "https" in refused.json()["errorMessage"]
    assert client.get("/admin/").status_code == 301
    assert client.get("/healthz").status_code == 200
    assert client.get("/account/login/check", secure=True).status_code == 400


def test_a_forwarded_scheme_counts_only_from_a_trusted_proxy(client, settings):
    settings.REQUIRE_TLS = True
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
    assert client.get("/account/login/check", headers=forwarded).status_code == 403
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    # Also for a caller on the proxy's own machine, and from a proxy that names no caller.
    for address in ("198.51.100.7", "127.0.0.1", ""):
        headers = {**forwarded, "X-Forwarded-For": address}
        assert client.get("/account/login/check", headers=headers).status_code == 400


def test_the_openapi_document_has_every_documented_path_once(client):
    document = json.loads(client.get("/openapi.json").content)
    assert {"/account/registration", "/account/login", "/account/me", "/info/users/"} <= set(document["paths"])
    spelled_once = {path.rstrip("/") for path in document["paths"]}
    assert len(spelled_once) == len(document["paths"])
    assert document["paths"]["/account/me"]["get"]["security"] == [{"cabinet token": []}]
    refusal = document["paths"]["/account/me"]["get"]["responses"]["default"]["content"]["application/json"]["schema"]
    assert list(refusal["properties"]) == ["errorMessage"]


def test_the_openapi_document_has_the_bodies_that_delete_reads(client):
    paths = json.loads(client.get("/openapi.json").content)["paths"]
    with_body = {path for path, operations in paths.items() if "requestBody" in operations.get("delete", {})}
    assert with_body == {"/api/v0/roles", "/vk/link", "/mail.ru/link", "/yandex/link"}


def test_the_documents_page_is_served_without_foreign_hosts(client):
    assert "://" not in client.get("/docs/").content.decode()
