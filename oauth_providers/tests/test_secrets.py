"""Codes, states and providers' tokens are in no log, row, admin page or exception (security.md S48)."""

import logging
import re
import sys

import pytest
from django.apps import apps
from django.core.signals import got_request_exception
from django.test import Client
from django.views.debug import ExceptionReporter

from accounts.models import User
from oauth_providers.models import LinkedIdentity
from oauth_providers.tests import flows
from oauth_providers.tests.flows import ALL, PASSWORD

pytestmark = pytest.mark.django_db


def everything_stored() -> str:
    """Every value of every row, as text."""
    rows = [str(list(model._default_manager.values_list())) for model in apps.get_models()]
    return "".join(rows)


@pytest.mark.parametrize("key", ALL)
def test_no_secret_is_kept_or_told(key, fake, caplog):
    secrets = set()
    with caplog.at_level(logging.DEBUG):
        for how in ("", "500", "400", "error", "list", "302"):
            fake.misbehave(key, "token", "")
            fake.misbehave(key, "userinfo", "")
            brought = flows.begun(key)
            spent = flows.begun(key)
            secrets |= {*brought.values(), *spent.values()}
            Client().get(f"/{key}/callback", brought)
            tokens = flows.get_token(key, brought).json()
            secrets |= {tokens["access_token"], tokens["refresh_token"]}
            fake.misbehave(key, "token", how)
            fake.misbehave(key, "userinfo", how)
            flows.get_token(key, spent)
            flows.register(key, tokens["access_token"])
            flows.login(key, tokens["access_token"])
            user = User.objects.first() or flows.account(username="ivan")
            form = {"access_token": tokens["access_token"], "hash_password": PASSWORD}
            Client().post(f"/{key}/link", form, headers=flows.signed_in(user))
        secrets |= {call[2]["code_verifier"] for call in fake.calls if "code_verifier" in call[2]}
    assert len(secrets) > 20
    stored = everything_stored()
    for secret in secrets:
        assert secret not in caplog.text
        assert secret not in stored
        assert secret.encode() not in stored.encode("unicode_escape")


@pytest.mark.parametrize("path", ["get/token", "registration"])
def test_a_report_of_the_unforeseen_hides_what_we_hold(path, fake, monkeypatch, client):
    """Django's reports show the variables of every frame; in our services, providers and client they are hidden."""
    secret, frames = "marker-of-a-secret", []

    def report(sender, request, **_):
        frames.extend(ExceptionReporter(request, *sys.exc_info()).get_traceback_data()["frames"])

    def broken(*_, **__):
        raise RuntimeError("broken")

    monkeypatch.setattr("oauth_providers.client._converse", broken)
    client.raise_request_exception = False
    brought = {**flows.begun("yandex"), "code": secret}
    got_request_exception.connect(report)
    try:
        answer = client.get(f"/yandex/{path}", {**brought, "access_token": secret})
    finally:
        got_request_exception.disconnect(report)
    assert answer.status_code == 500
    assert secret not in answer.content.decode()
    ours = [frame for frame in frames if re.search(r"oauth_providers/(services|providers|client)", frame["filename"])]
    assert len(ours) >= 4
    for frame in ours:
        for name, value in frame["vars"]:
            assert secret not in str(value), (frame["filename"], frame["function"], name)


def test_the_admin_shows_identities_and_changes_none(admin_client):
    user = flows.account(username="ivan")
    identity = LinkedIdentity.objects.create(user=user, provider="vk", uid="1001")
    base = "/admin/oauth_providers/linkedidentity/"
    of_the_account = f"/admin/accounts/user/{user.pk}/change/"
    for address in (base, f"{base}?q=ivan", f"{base}?q=1001", f"{base}{identity.pk}/change/", of_the_account):
        answer = admin_client.get(address)
        assert answer.status_code == 200
        assert "1001" in answer.content.decode()
    for address in (f"{base}add/", f"{base}{identity.pk}/delete/"):
        assert admin_client.post(address).status_code == 403
    assert admin_client.post(f"{base}{identity.pk}/change/", {"uid": "7"}).status_code == 403
    assert LinkedIdentity.objects.get().uid == "1001"
    assert admin_client.get("/admin/oauth_providers/authorizationattempt/").status_code == 404


def test_the_admins_list_is_a_fixed_number_of_queries(admin_client, django_assert_max_num_queries):
    for number in range(30):
        user = flows.account(username=f"user{number}")
        LinkedIdentity.objects.create(user=user, provider="vk", uid=str(number + 1))
    with django_assert_max_num_queries(6):
        admin_client.get("/admin/oauth_providers/linkedidentity/")
