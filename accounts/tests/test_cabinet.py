"""POST /account/registration and GET /account/login/check."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.digests import digest
from accounts.models import Event, User, UsernameClaim
from accounts.services import credentials
from accounts.tests.factories import make_user
from profiles.models import Profile
from profiles.tests.cabinet import refused
from tokens.models import SignIn

PATH, CHECK = "/account/registration", "/account/login/check"
BROWSER = {"browser": "Firefox 140.0 "}
FORM = {
    "login": "danila_ginda",
    "password": "Wish2list",
    "email": "danila@example.org",
    "first_name": "Данила",
    "last_name": "Гинда",
    "patronymic": "Ильич",
}

pytestmark = pytest.mark.django_db


def register(client, form=FORM, path=PATH, headers=BROWSER):
    return client.post(
        path, form if isinstance(form, str | bytes) else json.dumps(form), "application/json", headers=headers
    )


def rows():
    return [model.objects.count() for model in (User, UsernameClaim, Profile, SignIn, Event)]


def changed(**other):
    return {**FORM, **other}


def without(*names):
    return {name: value for name, value in FORM.items() if name not in names}


class TestRegistration:
    @pytest.mark.parametrize("path", [PATH, PATH + "/"])
    def test_the_whole_account_and_its_token(self, client, path):
        before = timezone.now()
        response = register(client, path=path)
        user = User.objects.get()
        body = response.json()
        created = datetime.strptime(body["created_at"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
        assert response.status_code == 200
        assert body == {
            "id": user.pk,
            "login": "danila_ginda",
            "email": "danila@example.org",
            "first_name": "Данила",
            "last_name": "Гинда",
            "created_at": body["created_at"],
            "description": "",
            "background_color": "#005CC9",
            "birthday": "",
            "patronymic": "Ильич",
            "avatar": "",
            "groups": [],
            "roles": [],
            "permissions": [],
            "token": body["token"],
        }
        assert re.fullmatch(r"[0-9a-f]{64}", body["token"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", body["created_at"])
        assert before <= created == user.created_at <= timezone.now()
        assert response["Cache-Control"] == "no-store"
        assert not response.cookies

    def test_what_is_stored(self, client):
        token = register(client).json()["token"]
        user, row, profile = User.objects.get(), SignIn.objects.get(), Profile.objects.get()
        assert user.password.startswith("argon2$argon2id$")
        assert credentials.opens(user, FORM["password"])
        assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
        assert (profile.user, str(profile), profile.first_name_folded) == (user, "Гинда Данила Ильич", "данила")
        assert (row.user, row.dialect, row.agent) == (user, "cabinet", "Firefox 140.0")
        assert bytes(row.digest) == digest(token)
        assert row.expires - row.started == timedelta(days=30)
        assert list(Event.objects.order_by("pk").values_list("kind", "dialect", "agent")) == [
            ("registered", "cabinet", "Firefox 140.0"),
            ("signed_in", "cabinet", "Firefox 140.0"),
        ]
        tables = [model.objects.values_list() for model in (User, SignIn, Event, Profile)]
        stored = {str(value) for table in tables for row in table for value in row}
        assert not stored & {token, FORM["password"]}

    def test_the_token_opens_the_profile(self, client):
        body = register(client).json()
        assert client.get("/account/me", headers={"authorization": body["token"]}).json() == body

    @pytest.mark.parametrize("multipart", [False, True])
    def test_forms_are_read_too(self, client, multipart):
        if multipart:
            response = client.post(PATH, FORM, headers=BROWSER)
        else:
            text = "&".join(f"{name}={value}" for name, value in FORM.items())
            response = client.post(PATH, text, content_type="application/x-www-form-urlencoded", headers=BROWSER)
        assert response.status_code == 200
        assert response.json()["first_name"] == "Данила"

    @pytest.mark.parametrize("login", [" Danila_Ginda ", "DANILA_GINDA", "\tdanila_ginda\n"])
    def test_a_login_is_trimmed_and_lowered(self, client, login):
        assert register(client, changed(login=login)).json()["login"] == "danila_ginda"

    @pytest.mark.parametrize("patronymic", ["absent", None, ""])
    def test_a_patronymic_may_be_absent(self, client, patronymic):
        form = without("patronymic") if patronymic == "absent" else changed(patronymic=patronymic)
        assert register(client, form).json()["patronymic"] == ""

    def test_nobody_gives_themselves_rights(self, client):
        wanted = {"is_staff": True, "is_superuser": True, "roles": ["admin"], "groups": [1], "id": 7, "avatar": "x"}
        body = register(client, changed(**wanted, permissions=["auth.add_user"], birthday="2000-01-01")).json()
        user = User.objects.get()
        assert (user.is_staff, user.is_superuser, user.roles.count(), user.groups.count()) == (False, False, 0, 0)
        assert (body["roles"], body["permissions"], body["avatar"], body["birthday"]) == ([], [], "", "")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("login", value) for value in ("abcd", "a" * 32, "____", "1234", "123456789")),
            *(("password", value) for value in ("aA345678", "aA3" + "x" * 17, "пAрbоль1", "aB3 $%^&*")),
            *(("email", value) for value in ("a@b.cd", "x+y@sub.example.org", "A@Example.ORG", "x@пример.рф")),
            *((name, "Ёё") for name in ("first_name", "last_name", "patronymic")),
            ("first_name", "Анна мария"),
            ("last_name", "Я" + "я" * 255),
        ],
    )
    def test_what_is_accepted(self, client, name, value):
        response = register(client, changed(**{name: value}))
        assert response.status_code == 200, response.content
        if name != "password":
            assert response.json()[name] == value

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(
                ("login", value)
                for value in ("abc", "a" * 33, "a-bcd", "логин", "a b c", "abcd\x00", "a@b.c", "ａｂｃｄ")
            ),
            *(("login", value) for value in ("89991234567", "8" * 32, 1234567, ["abcd"], {"a": 1}, True, "abcd\ud800")),
            *(("password", value) for value in ("aA34567", "a" * 21, "aaaaaaaa", "AAAAAAA1", "aaaaaaa1", "aaaaaaaA")),
            *(("password", value) for value in ("aA3\n4567", 12345678, ["aA345678"], "aA345678\x00", "aA345678\ud800")),
            *(("password", value) for value in ("aA3" + "x" * 254, "aA3" + "x" * 100_000)),
            *(
                ("email", value)
                for value in ("a@b", "a.b", "@b.c", "a@", "a b@c.d", "a@b..c", "x" * 250 + "@b.cd", 7, "a@b.c\n")
            ),
            *(
                ("first_name", value)
                for value in ("данила", "Danila", "Д", "Д" + "а" * 256, "Да-нила", " Данила", 7, ["Да"])
            ),
            *(("last_name", value) for value in ("ГИНДА", "гинда", "Г1", "Гинда\n", "Ги\x00нда", None, "")),
            *(("patronymic", value) for value in ("и", "Ilyich", 7, "Ильич\u202e")),
        ],
    )
    def test_what_is_refused_and_nothing_is_made(self, client, name, value):
        before = rows()
        words = refused(register(client, changed(**{name: value})), 400)
        if "\ud800" not in str(value):
            assert name in words
        assert rows() == before

    @pytest.mark.parametrize("name", ["login", "password", "email", "first_name", "last_name"])
    def test_what_is_required(self, client, name):
        for form in (without(name), changed(**{name: None}), changed(**{name: ""})):
            assert name in refused(register(client, form), 400)
        assert rows() == [0] * 5

    @pytest.mark.parametrize("headers", [{}, {"browser": ""}, {"browser": "   "}, {"user-agent": "Firefox"}])
    def test_without_a_browser_it_is_403_whatever_the_body(self, client, headers):
        for form in (FORM, {}, "{", "[]"):
            refused(register(client, form, headers=headers), 403)
        assert rows() == [0] * 5

    @pytest.mark.parametrize("browser", ["Ф" * 300, "Яндекс 24\u202e", "<script>"])
    def test_any_browser_will_do_and_is_cut(self, client, browser):
        headers = {"browser": browser.encode().decode("latin-1")}
        assert register(client, headers=headers).status_code == 200
        assert SignIn.objects.get().agent == browser[:255]

    @pytest.mark.parametrize(
        "body", ["", "{", "[]", "null", "7", '"x"', "[" * 100_000, b"\xff\xfe{\0}\0", '{"login": NaN}']
    )
    def test_an_unreadable_body_is_400(self, client, body):
        refused(register(client, body), 400)
        assert rows() == [0] * 5

    def test_another_content_type_is_415_and_two_megabytes_413(self, client):
        refused(client.post(PATH, "<a/>", content_type="text/xml", headers=BROWSER), 415)
        refused(register(client, changed(email="x" * 2_000_000)), 413)
        assert rows() == [0] * 5

    @pytest.mark.parametrize(
        ("login", "email", "field"),
        [
            ("danila_ginda", "other@example.org", "user name"),
            ("DANILA_ginda", "other@example.org", "user name"),
            ("other_login", "danila@example.org", "e-mail"),
            ("other_login", "DANILA@EXAMPLE.org", "e-mail"),
            ("danila_ginda", "danila@example.org", "user name"),
        ],
    )
    def test_what_is_taken_is_400(self, client, login, email, field):
        register(client)
        before = rows()
        assert field in refused(register(client, changed(login=login, email=email)), 400)
        assert rows() == before

    def test_a_login_that_was_given_up_is_taken(self, client):
        make_user("danila_ginda").delete()
        refused(register(client), 400)
        assert not User.objects.exists()

    def test_a_taken_login_costs_no_hash(self, client, monkeypatch):
        register(client)
        monkeypatch.setattr(credentials, "hashed", lambda password: pytest.fail("hashed"))
        refused(register(client), 400)

    def test_the_policy_strict_refuses_a_common_password(self, client, settings):
        settings.ACCOUNTS_PASSWORD_POLICY = "strict"
        assert "password" in refused(register(client, changed(password="Danila_ginda1")), 400)
        assert rows() == [0] * 5
        assert register(client, changed(password="kVxq8&Lmw2Zt")).status_code == 200

    @pytest.mark.parametrize("method", ["get", "head", "patch", "delete"])
    def test_another_method_is_405(self, client, method):
        response = getattr(client, method)(PATH, headers=BROWSER)
        assert response.status_code == 405
        assert "POST" in response["Allow"]

    def test_a_token_that_is_sent_along_is_not_looked_at(self, client):
        response = register(client, headers={**BROWSER, "authorization": "rubbish", "cookie": "jwt=rubbish"})
        assert response.status_code == 200


class TestLoginCheck:
    def check(self, client, login):
        response = client.get(CHECK, {"login": login})
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        return response.json()

    @pytest.mark.parametrize("path", [CHECK, CHECK + "/"])
    def test_a_free_login(self, client, path):
        response = client.get(path, {"login": "free_login"})
        assert (response.status_code, response.json()) == (
            200,
            {"message": "This login is free.", "is_login_available": True},
        )

    @pytest.mark.parametrize("login", ["ivan_petrov", " IVAN_Petrov "])
    def test_a_taken_one(self, client, login):
        make_user("Ivan_Petrov")
        assert self.check(client, login) == {"message": "This login cannot be registered.", "is_login_available": False}

    def test_one_that_was_taken_once(self, client):
        make_user("ivan_petrov").delete()
        assert not self.check(client, "ivan_petrov")["is_login_available"]

    @pytest.mark.parametrize(
        "login",
        [
            *(
                "abc",
                "a" * 33,
                "логин",
                "a-bc",
                "a@b.cd",
                "89991234567",
                "+79991234567",
                "a\x00bcd",
                "a bcd",
                "   ",
                "a" * 3000,
            ),
            *("\ufffd\ufffd\ufffd\ufffd", "ﬁfth", "%", "____%"),
        ],
    )
    def test_one_that_registration_would_refuse(self, client, login, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert self.check(client, login) == {
                "message": "This login cannot be registered.",
                "is_login_available": False,
            }

    @pytest.mark.parametrize("query", ["", "?login=", "?Login=abcd", "?email=a@b.c"])
    def test_only_its_absence_is_400(self, client, query):
        assert "login" in refused(client.get(CHECK + query), 400)

    def test_of_a_repeated_one_the_last_counts(self, client):
        make_user("ivan_petrov")
        assert client.get(f"{CHECK}?login=free_login&login=ivan_petrov").json()["is_login_available"] is False

    def test_what_it_says_registration_does(self, client):
        for login in ("abcd", "abc", "ABCD_1", "12345678", "1234567890", "a.bcd"):
            said = self.check(client, login)["is_login_available"]
            form = changed(login=login, email=f"x{len(login)}{login[0]}@example.org")
            assert (register(client, form).status_code == 200) is said, login

    def test_it_takes_one_query(self, client, django_assert_num_queries):
        with django_assert_num_queries(1):
            self.check(client, "free_login")

    @pytest.mark.parametrize("method", ["post", "patch", "delete"])
    def test_another_method_is_405(self, client, method):
        refused(getattr(client, method)(CHECK), 405)

    def test_in_russian_for_those_who_ask(self, client):
        response = client.get(CHECK, {"login": "free_login"}, headers={"accept-language": "ru-RU,ru;q=0.9"})
        assert response["Content-Language"] == "ru"
        assert response.json()["message"] != "This login is free."
