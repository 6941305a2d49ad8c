"""The directory's search by how a login or a name begins, and its indexes."""

import json

import pytest
from django.db import connection

from accounts.models import User
from accounts.tests.factories import make_user
from profiles.models import Profile
from profiles.services import directory, editing

pytestmark = pytest.mark.django_db

PEOPLE = {
    "ivan.petrov": ("Иван", "Петров", "Ильич"),
    "petr": ("Пётр", "Иванов", ""),
    "Anna_B": ("Анна Мария", "Бах", "Яновна"),
    "100": ("50%_\\скидка", "Строгий", ""),
    "1000": ("Тысяча", "Строгая", ""),
    "under_score": ("Под", "Чёркин", ""),
    "underXscore": ("", "", ""),
    "Straße": ("Ёлка", "O'Neil", "ΣΊΣΥΦΟΣ"),
}


@pytest.fixture(autouse=True)
def _people():
    for username, (first, last, middle) in PEOPLE.items():
        user = make_user(username)
        if any((first, last, middle)):
            editing.edit(user, first_name=first, last_name=last, middle_name=middle)


def logins(beginning: str) -> list[str]:
    return [entry.username for entry in directory.page(beginning=beginning)]


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        pytest.param("ivan", ["ivan.petrov"], id="login"),
        pytest.param("IVAN.P", ["ivan.petrov"], id="login in capitals"),
        pytest.param("иван", ["ivan.petrov", "petr"], id="name and surname"),
        pytest.param("ИВА", ["ivan.petrov", "petr"], id="capitals"),
        pytest.param("ильи", ["ivan.petrov"], id="patronymic"),
        pytest.param("пётр", ["petr"], id="yo"),
        pytest.param("пе\u0308т", ["petr"], id="nfd"),
        pytest.param("етр", [], id="not in the middle"),
        pytest.param("petrov", [], id="not in the middle of a login"),
        pytest.param("анна мар", ["Anna_B"], id="a name of two words"),
        pytest.param("  анна   мар ", ["Anna_B"], id="blanks"),
        pytest.param("бах анна", ["Anna_B"], id="surname and name"),
        pytest.param("пет ив ил", ["ivan.petrov"], id="three words"),
        pytest.param("иван бах", [], id="every word must fit"),
        pytest.param("а б я а б", [], id="too many words"),
        pytest.param("under_", ["under_score"], id="a literal underscore"),
        pytest.param("%", [], id="a literal percent sign"),
        pytest.param("50%_\\", ["100"], id="all three"),
        pytest.param("50%%", [], id="not a wildcard"),
        pytest.param("\\", [], id="a backslash"),
        pytest.param("10", ["100", "1000"], id="digits"),
        pytest.param("strasse", ["Straße"], id="folded, not only lowered"),
        pytest.param("o'n", ["Straße"], id="a quote"),
        pytest.param("σίσυφος", ["Straße"], id="final sigma"),
        pytest.param("", list(PEOPLE), id="nothing asked"),
        pytest.param("   ", list(PEOPLE), id="blanks alone"),
        pytest.param("я" * 256, [], id="long"),
    ],
)
def test_who_is_called_so(beginning, found):
    assert logins(beginning) == found


def test_an_edit_is_found_at_once_and_the_old_name_no_more():
    user = User.objects.get(username="petr")
    editing.edit(user, first_name="Григорий")
    assert logins("григ") == ["petr"]
    assert logins("пётр") == []
    profile = Profile.objects.get(user=user)
    profile.last_name = "Распутин"
    profile.save()
    assert logins("распут") == ["petr"]


def test_the_deactivated_are_not_found():
    User.objects.filter(username="petr").update(is_active=False)
    assert logins("пётр") == logins("petr") == []


def test_a_ligature_that_unfolds_is_cut():
    user = User.objects.get(username="petr")
    editing.edit(user, first_name="\ufdfa" * 256)
    assert len(Profile.objects.get(user=user).first_name_folded) == 256
    assert logins("\ufdfa") == ["petr"]


def test_at_the_door_with_limit_and_link(client, settings):
    settings.PUBLIC_URL = "https://accounts.example.org"
    response = client.get("/info/users/", {"q": "ИВАН", "limit": "1"})
    ivan, petr = User.objects.get(username="ivan.petrov"), User.objects.get(username="petr")
    assert [card["id"] for card in response.json()] == [ivan.pk]
    query = f"limit=1&after={ivan.pk}&q=%D0%98%D0%92%D0%90%D0%9D"
    assert response["Link"] == f'<https://accounts.example.org/info/users/?{query}>; rel="next"'
    following = client.get(f"/info/users/?{query}")
    assert [card["id"] for card in following.json()] == [petr.pk]
    assert "Link" not in following
    streamed = json.loads(b"".join(client.get("/info/users/", {"q": "Иван"})))
    assert [card["login"] for card in streamed] == ["ivan.petrov", "petr"]


def test_a_thousand_are_a_page_and_none_is_lost_between_two(django_assert_num_queries):
    User.objects.all().delete()
    names = [f"user{number:04}" for number in range(2001)]
    User.objects.bulk_create([User(username=name, password="!") for name in names])
    with django_assert_num_queries(2 * 3 + 1):  # A hundred, two thousands, and the question whether more follow.
        found = [entry.username for page in directory.pages() for entry in page]
    assert found == names


def plan(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.skipif(connection.vendor != "postgresql", reason="plans are PostgreSQL's")
@pytest.mark.parametrize("beginning", ["иванов", "user01234", "ивано иван"])
def test_postgresql_searches_by_index(beginning):
    """Twenty thousand rows and fresh statistics: enough for a plan that a million would get."""
    users = User.objects.bulk_create([User(username=f"user{number:05}", password="!") for number in range(20_000)])
    names = ("Иван", "Пётр", "Семён", "Глеб", "Лев", "Яков", "Марк")
    Profile.objects.bulk_create(
        [
            Profile(user=user, first_name=names[number % 7], last_name=f"Фамилия{number}", middle_name=f"От{number}")
            for number, user in enumerate(users)
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    statements: list[str] = []

    def remember(execute, sql, params, many, context):
        statements.append(context["cursor"].mogrify(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(remember):
        directory.page(beginning=beginning)
    text = plan(statements[0])
    for index in ("profile_by_first_name", "profile_by_last_name", "profile_by_middle_name", "username_canonical"):
        assert index in text, text
    assert "Seq Scan" not in text, text
