"""/account/me, /account/edit/info and the directory, as cabinet prints them."""

import json
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from accounts.clients import Dialect
from accounts.models import Role, User
from accounts.services import accounts, catalogue, roles
from accounts.tests.factories import HERE, make_user
from profiles.models import Profile
from profiles.services import editing
from profiles.tests.cabinet import CREATED, entry, make_person, post, refused
from tokens.models import SignIn
from tokens.services import ledger

ME, INFO, USERS = "/account/me", "/account/edit/info", "/info/users/"
TOLD = {
    "first_name": "Данила",
    "last_name": "Гинда",
    "patronymic": "Ильич",
    "birthday": "2005-04-07",
    "description": "Backend Developer\r\nfrom Voskresensk",
    "background_color": "#e209e5",
}
NOTHING_TOLD = {
    "first_name": "",
    "last_name": "",
    "patronymic": "",
    "birthday": "",
    "description": "",
    "background_color": "#005CC9",
}

pytestmark = pytest.mark.django_db


def grant_everything(user: User) -> None:
    """Two groups, two roles, and a permission by each of three ways, one of them by two."""
    permissions = {p.codename: p for p in Permission.objects.filter(content_type__app_label__in=("auth", "accounts"))}
    for name, codename in (("Б", "add_group"), ("А", "view_group")):
        group = Group.objects.create(name=name)
        group.permissions.add(permissions[codename])
        user.groups.add(group)
    for name, codename in (("writer", "add_group"), ("editor", "change_role")):
        role = Role.objects.create(name=name)
        role.permissions.add(permissions[codename])
        user.roles.add(role)
    user.user_permissions.add(permissions["delete_user"])


class TestMe:
    @pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer ", "BEARER  "])
    @pytest.mark.parametrize("path", [ME, ME + "/"])
    def test_the_whole_account_with_the_token_presented(self, client, scheme, path):
        names = {"first_name": "Данила", "last_name": "Гинда", "birthdate": date(2005, 4, 7)}
        person = make_person("ginda", **names, description="Пишу", background_color="#e209e5")
        grant_everything(person.user)
        response = client.get(path, headers={"authorization": scheme + person.token})
        groups = [{"id": Group.objects.get(name=name).pk, "name": name} for name in ("А", "Б")]
        roles = [{"id": Role.objects.get(name=name).pk, "name": name} for name in ("editor", "writer")]
        assert response.status_code == 200
        assert response.json() == {
            "id": person.user.pk,
            "login": "ginda",
            "email": "ginda@example.org",
            "first_name": "Данила",
            "last_name": "Гинда",
            "created_at": "2024-03-07 23:32:53.818302",
            "description": "Пишу",
            "background_color": "#e209e5",
            "birthday": "2005-04-07",
            "patronymic": "",
            "avatar": "",
            "groups": groups,
            "roles": roles,
            "permissions": ["accounts.change_role", "accounts.delete_user", "auth.add_group", "auth.view_group"],
            "token": person.token,
        }
        assert response["Cache-Control"] == "no-store"
        assert {"Authorization", "Cookie"} <= set(response["Vary"].split(", "))
        assert response["Content-Type"] == "application/json"

    def test_an_account_that_has_told_nothing(self, client):
        person = make_person()
        response = client.get(ME, headers=person.headers)
        assert response.json() == {**entry(person.user), "permissions": [], "token": person.token}

    def test_an_account_without_an_email_has_an_empty_one(self, client):
        user = make_user("bare")
        token = ledger.open_sign_in(user, dialect=Dialect.CABINET, client=HERE).secret
        assert client.get(ME, headers={"authorization": token}).json()["email"] == ""

    def test_a_round_second_keeps_its_six_digits(self, client):
        person = make_person(created=CREATED.replace(microsecond=0))
        assert client.get(ME, headers=person.headers).json()["created_at"] == "2024-03-07 23:32:53.000000"

    def test_it_takes_four_queries_and_one_while_nothing_changes(self, client, django_assert_num_queries):
        person = make_person(**{"first_name": "Иван"})
        grant_everything(person.user)
        with django_assert_num_queries(4):  # The token, the profile, groups with roles, permissions.
            first = client.get(ME, headers=person.headers)
        with django_assert_num_queries(1):
            assert client.get(ME, headers=person.headers).content == first.content

    def test_every_change_shows_in_the_next_answer(self, client, django_assert_num_queries):
        person = make_person()
        group, own, of_the_group = Group.objects.create(name="g"), *Permission.objects.order_by("pk")[:2]

        def shown():
            first = client.get(ME, headers=person.headers).json()
            with django_assert_num_queries(1):
                assert client.get(ME, headers=person.headers).json() == first
            return first

        def label(permission):
            return f"{permission.content_type.app_label}.{permission.codename}"

        assert shown()["groups"] == shown()["roles"] == shown()["permissions"] == []
        editing.edit(person.user, first_name="Иван")
        assert shown()["first_name"] == "Иван"
        accounts.set_groups(person.user, [group], actor="test")
        assert shown()["groups"] == [{"id": group.pk, "name": "g"}]
        # What the staff's page of a group does.
        group.permissions.add(of_the_group)
        catalogue.changed(group, "permissions", actor="test")
        assert shown()["permissions"] == [label(of_the_group)]
        accounts.set_permissions(person.user, [own], actor="test")
        assert shown()["permissions"] == sorted([label(own), label(of_the_group)])
        roles.grant(person.user, ["a"], actor="test")
        assert [role["name"] for role in shown()["roles"]] == ["a"]
        accounts.edit(person.user, username="renamed", actor="test")
        assert shown()["login"] == "renamed"
        accounts.set_groups(person.user, [], actor="test")
        assert (shown()["groups"], shown()["permissions"]) == ([], [label(own)])

    @pytest.mark.parametrize(
        "header",
        [
            pytest.param(None, id="none"),
            pytest.param("", id="empty"),
            pytest.param("Bearer", id="a scheme alone"),
            pytest.param("Bearer ", id="a scheme and a blank"),
            pytest.param("0" * 64, id="unknown"),
            pytest.param("f" * 63, id="short"),
            pytest.param("F" * 64, id="upper case"),
            pytest.param("Basic aXZhbjpwYXNz", id="basic"),
            pytest.param("ключ", id="cyrillic"),
            pytest.param("a\x00b", id="nul"),
            pytest.param("x" * 5000, id="long"),
        ],
    )
    @pytest.mark.parametrize(
        ("method", "path"),
        [("get", ME), ("post", INFO), ("post", "/account/edit/avatar"), ("delete", "/account/edit/avatar")],
    )
    def test_without_a_working_token_the_doors_are_shut(self, client, method, path, header):
        make_person()
        headers = {} if header is None else {"authorization": header}
        words = refused(getattr(client, method)(path, headers=headers), 403)
        assert words == "The token is missing or no longer works."

    @pytest.mark.parametrize("end", ["revoked", "expired", "deactivated", "password changed", "deleted"])
    def test_a_sign_in_that_has_ended_opens_nothing(self, client, end):
        person = make_person()
        assert client.get(ME, headers=person.headers).status_code == 200
        if end == "revoked":
            SignIn.objects.update(revoked=timezone.now())
        elif end == "expired":
            SignIn.objects.update(expires=timezone.now())
        elif end == "deactivated":
            User.objects.update(is_active=False)
        elif end == "password changed":
            person.user.set_password("Another-horse1")
            person.user.save()
        else:
            person.user.delete()
        refused(client.get(ME, headers=person.headers), 403)

    @pytest.mark.parametrize("dialect", [Dialect.GIGACHAT, Dialect.GONCORD])
    def test_a_token_of_another_dialect_opens_nothing(self, client, dialect):
        token = ledger.open_sign_in(make_user(), dialect=dialect, client=HERE).secret
        for header in (token, f"Bearer {token}"):
            refused(client.get(ME, headers={"authorization": header}), 403)

    def test_a_cookie_is_no_token(self, client):
        person = make_person()
        client.cookies["jwt"] = client.cookies["token"] = person.token
        refused(client.get(ME), 403)

    @pytest.mark.parametrize("method", ["post", "patch", "delete"])
    def test_another_method_is_405(self, client, method):
        person = make_person()
        refused(getattr(client, method)(ME, headers=person.headers), 405)

    def test_russian_words_for_those_who_ask(self, client):
        words = refused(client.get(ME, headers={"accept-language": "ru"}), 403)
        assert words != "The token is missing or no longer works."


class TestEditInfo:
    def test_the_six_values_are_stored_and_answered(self, client):
        person = make_person()
        response = post(client, INFO, TOLD, person)
        assert (response.status_code, response.json()) == (200, TOLD)
        assert response["Cache-Control"] == "no-store"
        told = client.get(ME, headers=person.headers).json()
        assert {name: told[name] for name in TOLD} == TOLD

    @pytest.mark.parametrize("kind", ["form", "multipart"])
    def test_forms_are_read_too(self, client, kind):
        person = make_person()
        body = {"first_name": "Иван", "background_color": "#FFF"}
        content_type = "application/x-www-form-urlencoded" if kind == "form" else None
        sent = "first_name=%D0%98%D0%B2%D0%B0%D0%BD&background_color=%23FFF" if kind == "form" else body
        options = {"content_type": content_type} if content_type else {}
        response = client.post(INFO, sent, headers=person.headers, **options)
        assert (response.status_code, response.json()) == (200, {**NOTHING_TOLD, **body})

    @pytest.mark.parametrize("absent", [{}, dict.fromkeys(TOLD), {"unknown": 1, "is_staff": True, "id": 7}])
    def test_what_is_absent_stays(self, client, absent):
        person = make_person()
        post(client, INFO, TOLD, person)
        response = post(client, INFO, absent, person)
        assert (response.status_code, response.json()) == (200, TOLD)
        person.user.refresh_from_db()
        assert not person.user.is_staff

    def test_three_can_be_cleared(self, client):
        person = make_person()
        post(client, INFO, TOLD, person)
        response = post(client, INFO, {"patronymic": "", "birthday": "", "description": ""}, person)
        assert response.json() == {**TOLD, "patronymic": "", "birthday": "", "description": ""}

    @pytest.mark.parametrize("name", ["first_name", "last_name", "background_color"])
    def test_three_cannot(self, client, name):
        person = make_person()
        post(client, INFO, TOLD, person)
        assert name in refused(post(client, INFO, {name: "", "description": "new"}, person), 400)
        assert client.get(ME, headers=person.headers).json()["description"] == TOLD["description"]

    def test_what_is_stored_is_accepted_back_whatever_the_rules_say(self, client):
        person = make_person(first_name="Anna-Marie", last_name="", background_color="#abc", middle_name="O'Neil")
        shown = client.get(ME, headers=person.headers).json()
        response = post(client, INFO, {name: shown[name] for name in NOTHING_TOLD}, person)
        assert response.status_code == 200
        assert response.json()["first_name"] == "Anna-Marie"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("first_name", "Ёж"),
            ("first_name", "Я" + "я" * 255),
            ("last_name", "Петров водкин"),
            ("patronymic", "Ильич"),
            ("background_color", "#abc"),
            ("background_color", "#ABCDEF"),
            ("birthday", "1900-01-01"),
            ("birthday", "2000-02-29"),
            ("description", "я" * 1000),
            ("description", "<script>alert(1)</script>\r\n=cmd()\u202e"),
        ],
    )
    def test_what_may_be_told(self, client, name, value):
        person = make_person()
        response = post(client, INFO, {name: value}, person)
        assert (response.status_code, response.json()) == (200, {**NOTHING_TOLD, name: value})
        assert response["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *[
                ("first_name", value)
                for value in ("иван", "Ivan", "И", "Иван1", "Я" + "я" * 256, " Иван", "Иван\n", 7, True)
            ],
            *[("last_name", value) for value in ("ИВАНОВ", "Ива-нов", ["Иванов"], {"a": "Иванов"}, "Ива\x00нов")],
            *[("patronymic", value) for value in ("и", "ильич", 1.5, "Ильич\u202e", "И\ud800")],
            *[("background_color", value) for value in ("red", "#ab", "#abcd", "#GGGGGG", "#abcdef0", "abcdef", 0xABC)],
            *[
                ("birthday", value)
                for value in ("1899-12-31", "07.04.2005", "2005-4-7", "2005-02-30", "0", 20050407, "")
            ][:-1],
            ("birthday", (timezone.now() + timedelta(days=2)).date().isoformat()),
            ("birthday", "２００５-04-07"),
            *[("description", value) for value in ("я" * 1001, "a\x00b", "a\ufffe", ["text"], 5, {"a": 1})],
        ],
    )
    def test_what_may_not_is_400_and_nothing_changes(self, client, name, value):
        person = make_person()
        post(client, INFO, TOLD, person)
        before = list(Profile.objects.values())
        other = "description" if name != "description" else "first_name"
        response = post(client, INFO, json.dumps({name: value, other: "Новое"}), person)
        refused(response, 400)
        assert list(Profile.objects.values()) == before

    @pytest.mark.parametrize("body", ["{", "[]", "null", "7", '"text"', "[" * 100_000, b"\xff\xfe{\0}\0", '{"a": NaN}'])
    def test_an_unreadable_body_is_400(self, client, body):
        person = make_person()
        refused(post(client, INFO, body, person), 400)
        assert not Profile.objects.exists()

    def test_another_content_type_is_415(self, client):
        person = make_person()
        refused(client.post(INFO, "<a/>", content_type="text/xml", headers=person.headers), 415)

    def test_a_body_of_two_megabytes_is_413(self, client):
        person = make_person()
        refused(post(client, INFO, {"description": "x" * 2_000_000}, person), 413)
        assert not Profile.objects.exists()

    def test_a_change_makes_the_cards_of_everybody_new(self, client):
        person = make_person()
        post(client, INFO, {"first_name": "Иван"}, person)
        assert User.objects.get().card_version == person.user.card_version + 1

    def test_only_ones_own(self, client):
        person, other = make_person("ivan"), make_person("petr", first_name="Пётр")
        post(client, INFO, {"first_name": "Иван", "id": other.user.pk, "user": other.user.pk, "login": "petr"}, person)
        assert Profile.objects.get(user=other.user).first_name == "Пётр"


class TestDirectory:
    def everyone(self, client, query=""):
        response = client.get(f"{USERS}{query}")
        assert response.status_code == 200, response.content
        assert response["Content-Type"] == "application/json"
        assert response["Cache-Control"] == "no-store"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        return json.loads(b"".join(response) if response.streaming else response.content)

    def test_every_active_account_by_id(self, client):
        people = [make_person(name).user for name in ("boris", "anna", "vera")]
        told = make_person("gleb", first_name="Глеб", middle_name="Ильич", birthdate=date(1999, 1, 2), description="я")
        grant_everything(told.user)
        User.objects.filter(username="anna").update(is_active=False)
        card = entry(told.user, first_name="Глеб", patronymic="Ильич", birthday="1999-01-02", description="я")
        card["groups"] = [{"id": Group.objects.get(name=name).pk, "name": name} for name in ("А", "Б")]
        card["roles"] = [{"id": Role.objects.get(name=name).pk, "name": name} for name in ("editor", "writer")]
        assert self.everyone(client) == [entry(people[0]), entry(people[2]), card]
        assert self.everyone(client, "?limit=10") == self.everyone(client)
        assert client.get(USERS.rstrip("/")).status_code == 200

    def test_its_keys_stand_as_the_document_prints_them(self, client):
        make_person()
        assert list(self.everyone(client)[0]) == [
            *("id", "login", "email", "first_name", "last_name", "created_at", "description"),
            *("background_color", "birthday", "patronymic", "avatar", "groups", "roles"),
        ]

    def test_nobody_is_an_empty_array(self, client):
        assert b"".join(client.get(USERS)) == b"[]"
        assert client.get(f"{USERS}?limit=1").content == b"[]"

    def test_pages_follow_each_other_by_their_links(self, client, settings):
        settings.PUBLIC_URL = "https://accounts.example.org"
        ids = [make_person(f"user{number}").user.pk for number in range(5)]
        seen, address = [], f"{USERS}?limit=2"
        while address:
            response = client.get(address, headers={"host": "localhost"})
            seen.append([card["id"] for card in response.json()])
            link = response.get("Link")
            if link:
                assert link.startswith(f"<https://accounts.example.org{USERS}?limit=2&after={seen[-1][-1]}>")
                assert link.endswith('; rel="next"')
            address = link and link[len("<https://accounts.example.org") : link.index(">")]
        assert seen == [ids[:2], ids[2:4], ids[4:]]
        assert [card["id"] for card in self.everyone(client, f"?after={ids[2]}")] == ids[3:]
        assert "Link" not in client.get(f"{USERS}?limit=5")

    @pytest.mark.parametrize(
        "query",
        [
            *("limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1.5", "limit=10;"),
            *("limit=%D9%A3", "limit=%2B2", "limit=1_0", "after=%2B2"),
            *("after=-1", "after=x", "after=9223372036854775808", "after=1e3", "limit=5&after=None"),
            *("q=a%00b", "q=" + "a" * 257, "limit=" + "9" * 5000),
        ],
    )
    def test_a_bad_argument_is_400(self, client, query):
        refused(client.get(f"{USERS}?{query}"), 400)

    def test_an_empty_argument_is_none(self, client):
        person = make_person()
        assert self.everyone(client, "?limit=&after=&q=&unknown=1") == [entry(person.user)]
        assert self.everyone(client, "?limit=x&limit=1") == [entry(person.user)]

    def test_no_secret_and_no_right_is_told(self, client):
        user = make_person("root").user
        User.objects.update(is_staff=True, is_superuser=True, phone="+79991234567", last_login=CREATED)
        text = b"".join(client.get(USERS)).decode()
        assert json.loads(text) == [entry(user)]
        for secret in (user.password, user.credentials_stamp, "+7999", "argon2"):
            assert secret not in text

    def test_emails_can_be_left_out(self, client, settings):
        settings.PROFILES_DIRECTORY_SHOWS_EMAILS = False
        person = make_person()
        hidden = entry(person.user, email="")
        assert self.everyone(client) == self.everyone(client, "?limit=3") == [hidden]
        assert client.get(f"{USERS}search-ivan").json() == hidden
        # One's own is one's own.
        assert client.get(ME, headers=person.headers).json()["email"] == "ivan@example.org"

    def test_a_token_can_be_asked_for(self, client, settings):
        settings.PROFILES_DIRECTORY_NEEDS_TOKEN = True
        person = make_person()
        for path in (USERS, f"{USERS}?limit=1", f"{USERS}search-ivan", f"{USERS}search-nobody"):
            refused(client.get(path), 403)
            refused(client.get(path, headers={"authorization": "0" * 64}), 403)
        assert client.get(USERS, headers=person.headers).status_code == 200
        assert client.get(f"{USERS}search-ivan", headers=person.headers).json() == entry(person.user)

    @pytest.mark.parametrize("header", ["", "rubbish", "Bearer x", "0" * 64])
    def test_a_door_that_needs_no_token_looks_at_none(self, client, header, django_assert_num_queries):
        make_person()
        client.cookies["jwt"] = "rubbish"
        with django_assert_num_queries(2):
            client.get(f"{USERS}?limit=5", headers={"authorization": header})

    def test_a_page_takes_two_queries_however_many_are_on_it(self, client, django_assert_num_queries):
        for number in range(7):
            grant = make_person(f"user{number}", first_name="Имя")
            grant.user.roles.add(Role.objects.get_or_create(name=f"role {number % 3}")[0])
        for query, queries in (("?limit=1", 2), ("?limit=7", 2), ("?limit=1000&q=user", 2)):
            with django_assert_num_queries(queries):
                client.get(USERS + query)
        with django_assert_num_queries(3):  # A page, and the question whether more follow.
            b"".join(client.get(USERS))

    @pytest.mark.parametrize("method", ["post", "patch", "delete"])
    def test_another_method_is_405(self, client, method):
        for path in (USERS, f"{USERS}search-ivan"):
            refused(getattr(client, method)(path), 405)

    def test_head_has_the_headers_only(self, client, django_assert_num_queries):
        make_person()
        with django_assert_num_queries(0):
            response = client.head(USERS)
        assert (response.status_code, b"".join(response)) == (200, b"")


class TestSearch:
    @pytest.mark.parametrize("spelling", ["Ivan.Petrov", "ivan.petrov", "IVAN.PETROV", "ｉｖａｎ.petrov"])
    def test_by_login_without_regard_to_case(self, client, spelling):
        person = make_person("Ivan.Petrov")
        for path in (f"{USERS}search-{spelling}", f"{USERS}search-{spelling}/"):
            response = client.get(path)
            assert (response.status_code, response.json()) == (200, entry(person.user))
            assert response["Cache-Control"] == "no-store"

    def test_by_id_before_login(self, client):
        first = make_person("first").user
        number = make_person(str(first.pk)).user
        assert client.get(f"{USERS}search-{first.pk}").json() == entry(first)
        assert client.get(f"{USERS}search-{number.pk}").json() == entry(number)
        User.objects.filter(pk=first.pk).update(is_active=False)
        assert client.get(f"{USERS}search-{first.pk}").json() == entry(number)

    def test_by_cyrillic_login(self, client):
        user = make_user("Пётр")
        for spelling in ("пётр", "ПЁТР", "Пе\u0308тр"):
            assert client.get(f"{USERS}search-{spelling}").json()["id"] == user.pk

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "nobody",
                "0",
                "-1",
                "999999999999",
                "9223372036854775808",
                "9" * 30,
                "ivan@example.org",
                "iva",
                "ivan%25",
            ),
            *(
                "%00",
                "a%00b",
                "%FF",
                "%F0%9F%98%80",
                "a" * 300,
                "%20",
                "ivan%20",
                "1%20",
                "٣",
                "%D9%A3",
                "+79991234567",
            ),
        ],
    )
    def test_nobody_by_that_name_is_404(self, client, name):
        make_person()
        words = refused(client.get(f"{USERS}search-{name}"), 404)
        assert words == "There is no such user."

    def test_a_deactivated_account_is_nobody(self, client):
        user = make_person().user
        User.objects.update(is_active=False)
        for name in ("ivan", str(user.pk)):
            refused(client.get(f"{USERS}search-{name}"), 404)

    def test_it_takes_two_queries(self, client, django_assert_num_queries):
        person = make_person(first_name="Иван")
        grant_everything(person.user)
        for name in ("ivan", str(person.user.pk)):
            with django_assert_num_queries(2):
                client.get(f"{USERS}search-{name}")
        with django_assert_num_queries(1):
            client.get(f"{USERS}search-nobody")
        with django_assert_num_queries(0):
            client.get(f"{USERS}search-%00")

    def test_an_address_without_a_name_is_404(self, client):
        refused(client.get(f"{USERS}search-"), 404)
        refused(client.get("/info/elsewhere"), 404)
