"""accounts/backends.py: the admin's sign-in stands behind the same counters, and says so on a page."""

import pytest

from accounts.clients import Dialect
from accounts.errors import InvalidCredentials
from accounts.models import User
from accounts.services import credentials
from accounts.tests.factories import HERE, PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(client, password: str):
    form = {"username": "root", "password": password, "next": "/admin/"}
    return client.post("/admin/login/", form, headers={"accept": "text/html"})


def test_failures_at_another_door_hold_the_admin_back_too(client):
    User.objects.create_superuser("root", PASSWORD)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            credentials.authenticate("root", "wrong", dialect=Dialect.GIGACHAT, client=HERE)
    response = sign_in(client, PASSWORD)
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 30
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert "Too many attempts. Try again later." in response.content.decode()
    assert "sessionid" not in response.cookies


def test_failures_at_the_admin_hold_it_back_and_the_form_says_before_what_was_wrong(client):
    User.objects.create_superuser("root", PASSWORD)
    for _ in range(5):
        response = sign_in(client, "wrong")
        assert response.status_code == 200
        assert "Please enter the correct" in response.content.decode()
    assert sign_in(client, "wrong").status_code == 429
    assert sign_in(client, PASSWORD).status_code == 429


def test_the_right_password_opens(client):
    User.objects.create_superuser("root", PASSWORD)
    response = sign_in(client, PASSWORD)
    assert (response.status_code, response["Location"]) == (302, "/admin/")
