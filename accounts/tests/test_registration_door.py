"""POST /authorization/registration."""

import json

import pytest

from accounts.models import Event, User, UsernameClaim
from accounts.services import credentials
from accounts.tests.factories import make_user
from tokens.models import SignIn

PATH = "/authorization/registration"
FORM = {"phone_number": "+7 (999) 123-45-67", "email": "Andrey@Example.org", "hash_password": "5f4dcc3b5aa765d61d83"}

pytestmark = pytest.mark.django_db


def post(client, form, **headers):
    return client.post(PATH, json.dumps(form), content_type="application/json", headers=headers)


def rows():
    return (User.objects.count(), UsernameClaim.objects.count(), SignIn.objects.count(), Event.objects.count())


def test_an_account_is_made_and_signed_in(client):
    response = post(client, FORM, user_agent="Firefox/140")
    assert response.status_code == 200
    assert sorted(response.json()) == ["access", "refresh"]
    user = User.objects.get()
    assert (user.email, user.phone) == ("Andrey@Example.org", "+79991234567")
    assert user.username.startswith("user_")
    assert len(user.username) == len("user_") + 12
    row = SignIn.objects.get()
    assert (row.user, row.dialect, row.agent, row.ip) == (user, "registration", "Firefox/140", "127.0.0.1")
    assert list(Event.objects.order_by("id").values_list("kind", "dialect")) == [
        ("registered", "registration"),
        ("signed_in", "registration"),
    ]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("path", [PATH, PATH + "/"])
def test_forms_are_read_too_with_and_without_a_slash(client, content_type, path):
    if content_type == "multipart/form-data":
        response = client.post(path, FORM)
    else:
        body = "phone_number=%2B79991234567&email=andrey%40example.org&hash_password=5f4dcc3b5aa7"
        response = client.post(path, body, content_type=content_type)
    assert response.status_code == 200
    assert User.objects.get().phone == "+79991234567"


def test_hash_password_is_hashed_again_and_stored_nowhere(client):
    secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    assert post(client, {**FORM, "hash_password": secret}).status_code == 200
    user = User.objects.get()
    assert user.password.startswith("argon2$argon2id$")
    assert credentials.opens(user, secret)
    stored = [str(value) for model in (User, Event, SignIn) for row in model.objects.values_list() for value in row]
    assert stored
    assert not [value for value in stored if secret in value]


@pytest.mark.parametrize(
    ("spelling", "phone"),
    [
        pytest.param("+7 (912) 345-67-89", "+79123456789", id="brackets"),
        pytest.param("89123456789", "+79123456789", id="eight"),
        pytest.param("8 912 345 67 89", "+79123456789", id="spaces"),
        pytest.param("8.912.345.67.89", "+79123456789", id="dots"),
        pytest.param("9123456789", "+79123456789", id="without a prefix"),
        pytest.param("+７９１２３４５６７８９", "+79123456789", id="full-width"),
        pytest.param("+49 30 901820", "+4930901820", id="germany"),
        pytest.param("+1-202-456-1111", "+12024561111", id="united states"),
    ],
)
def test_a_phone_is_one_phone_however_it_is_written(client, spelling, phone):
    assert post(client, {**FORM, "phone_number": spelling}).status_code == 200
    assert User.objects.get().phone == phone


@pytest.mark.parametrize("spelling", ["+79991234567", "89991234567", "8 (999) 123-45-67", "9991234567"])
def test_a_phone_is_taken_in_every_spelling(client, spelling):
    assert post(client, FORM).status_code == 200
    before = rows()
    response = post(client, {**FORM, "email": "another@example.org", "phone_number": spelling})
    assert response.status_code == 409
    assert response.json() == {"message": "This phone number is already registered."}
    assert rows() == before


@pytest.mark.parametrize("spelling", ["Andrey@Example.org", "andrey@example.org", "ANDREY@EXAMPLE.ORG"])
def test_an_email_is_taken_in_every_case(client, spelling):
    make_user(email="Andrey@Example.org")
    before = rows()
    response = post(client, {**FORM, "email": spelling})
    assert response.status_code == 409
    assert response.json() == {"message": "This e-mail address is already registered."}
    assert rows() == before


REQUIRED = ["This field is required."]
NOT_TEXT = ["Not a valid string."]
NO_PHONE = ["This is not a valid phone number."]
NO_EMAIL = ["This is not a valid e-mail address."]


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        pytest.param({"email": None}, {"email": REQUIRED}, id="null"),
        pytest.param({"phone_number": ""}, {"phone_number": REQUIRED}, id="empty"),
        pytest.param({"hash_password": ""}, {"hash_password": REQUIRED}, id="empty password"),
        pytest.param({"phone_number": 79991234567}, {"phone_number": NOT_TEXT}, id="number"),
        pytest.param({"email": ["a@b.ru"]}, {"email": NOT_TEXT}, id="list"),
        pytest.param({"hash_password": {"a": 1}}, {"hash_password": NOT_TEXT}, id="object"),
        pytest.param({"hash_password": True}, {"hash_password": NOT_TEXT}, id="boolean"),
        pytest.param({"phone_number": "12345"}, {"phone_number": NO_PHONE}, id="short phone"),
        pytest.param({"phone_number": "a@b.ru"}, {"phone_number": NO_PHONE}, id="an e-mail for a phone"),
        pytest.param({"phone_number": "ivan"}, {"phone_number": NO_PHONE}, id="a name for a phone"),
        pytest.param({"phone_number": "+7999123456789012345"}, {"phone_number": NO_PHONE}, id="long phone"),
        pytest.param({"email": "+79991234567"}, {"email": NO_EMAIL}, id="a phone for an e-mail"),
        pytest.param({"email": "ivan"}, {"email": NO_EMAIL}, id="a name for an e-mail"),
        pytest.param({"email": "a@b"}, {"email": NO_EMAIL}, id="no top-level domain"),
        pytest.param({"email": "a@b.ru\r\nBcc: c@d.ru"}, {"email": NO_EMAIL}, id="a header in the e-mail"),
        pytest.param({"email": "a\u0000@b.ru"}, {"email": NO_EMAIL}, id="nul in the e-mail"),
        pytest.param(
            {"hash_password": "12345"},
            {"hash_password": ["Ensure this field has at least 6 characters."]},
            id="short password",
        ),
        pytest.param(
            {"hash_password": "p" * 257},
            {"hash_password": ["Ensure this field has no more than 256 characters."]},
            id="long password",
        ),
        pytest.param(
            {"hash_password": "secret\u0000secret"},
            {"hash_password": ["Null characters are not allowed."]},
            id="nul in the password",
        ),
        pytest.param(
            {"email": None, "phone_number": None, "hash_password": None},
            {"phone_number": REQUIRED, "email": REQUIRED, "hash_password": REQUIRED},
            id="nothing at all",
        ),
    ],
)
def test_what_is_wrong_is_told_by_field_and_nothing_is_made(client, change, errors):
    response = post(client, {**FORM, **change})
    assert response.status_code == 422
    message = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items())
    assert response.json() == {"message": message, "errors": errors}
    assert rows() == (0, 0, 0, 0)


@pytest.mark.parametrize("length", [6, 64, 256])
def test_passwords_of_6_to_256_characters_are_taken(client, length):
    assert post(client, {**FORM, "hash_password": "п" * length}).status_code == 200
    assert credentials.opens(User.objects.get(), "п" * length)


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "1", "{", "", "NaN", '{"email": "\\ud800"}', "[" * 100_000])
def test_a_body_that_is_no_object_is_400(client, body):
    response = client.post(PATH, body, content_type="application/json")
    status = 422 if body == "" else 400
    assert response.status_code == status
    expected = {"message": "The request could not be read."}
    if status == 422:
        fields = dict.fromkeys(("phone_number", "email", "hash_password"), REQUIRED)
        expected = {
            "message": "phone_number: This field is required.; email: This field is required.; "
            "hash_password: This field is required.",
            "errors": fields,
        }
    assert response.json() == expected
    assert rows() == (0, 0, 0, 0)


def test_rights_and_names_are_not_taken_from_the_body(client):
    extra = {"is_staff": True, "is_superuser": True, "is_active": False, "id": 77, "username": "admin", "roles": ["a"]}
    assert post(client, {**FORM, **extra}).status_code == 200
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active, user.roles.count()) == (False, False, True, 0)
    assert user.pk != 77
    assert user.username != "admin"


@pytest.mark.parametrize("method", ["get", "head", "patch", "delete", "put"])
def test_other_methods_are_405(client, method):
    response = getattr(client, method)(PATH)
    assert response.status_code == 405
    if method != "head":
        assert response.json() == {"message": "This address does not know that method."}


def test_strict_policy_refuses_a_common_password_by_field(client, settings):
    settings.ACCOUNTS_PASSWORD_POLICY = "strict"
    response = post(client, {**FORM, "hash_password": "password1"})
    assert response.status_code == 422
    assert response.json() == {
        "message": "This password is too common.",
        "errors": {"hash_password": ["This password is too common."]},
    }
    assert rows() == (0, 0, 0, 0)
