"""Accounts to look at: plausible people in any number, made in bulk and kept to the rules of real ones."""

import random
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import transaction

from accounts import identifiers
from accounts.errors import InvalidInput
from accounts.identifiers import Kind
from accounts.models import Event, User, UsernameClaim
from accounts.services import roles
from accounts.services.versions import catalogue_changed

BATCH = 1000
# They carry no permission, and their names say whose they are: everybody knows these accounts' password.
ROLES = ("demo-student", "demo-teacher")
LATEST = datetime(2026, 1, 1, tzinfo=UTC)

_MEN = (
    *(("Александр", "aleksandr"), ("Борис", "boris"), ("Виктор", "viktor"), ("Глеб", "gleb"), ("Данила", "danila")),
    *(("Егор", "egor"), ("Иван", "ivan"), ("Кирилл", "kirill"), ("Лев", "lev"), ("Максим", "maksim")),
    *(("Николай", "nikolay"), ("Олег", "oleg"), ("Пётр", "petr"), ("Роман", "roman"), ("Семён", "semen")),
)
_WOMEN = (
    *(("Алёна", "alena"), ("Вера", "vera"), ("Галина", "galina"), ("Дарья", "darya"), ("Екатерина", "ekaterina")),
    *(("Жанна", "zhanna"), ("Зоя", "zoya"), ("Инна", "inna"), ("Ксения", "kseniya"), ("Любовь", "lyubov")),
    *(("Мария", "mariya"), ("Надежда", "nadezhda"), ("Ольга", "olga"), ("Софья", "sofya"), ("Юлия", "yuliya")),
)
_SURNAMES = (
    *(("Абрамов", "abramov"), ("Белов", "belov"), ("Волков", "volkov"), ("Гусев", "gusev"), ("Денисов", "denisov")),
    *(("Ежов", "ezhov"), ("Жуков", "zhukov"), ("Зайцев", "zaytsev"), ("Иванов", "ivanov"), ("Козлов", "kozlov")),
    *(("Лебедев", "lebedev"), ("Морозов", "morozov"), ("Никитин", "nikitin"), ("Орлов", "orlov"), ("Петров", "petrov")),
    *(("Рябов", "ryabov"), ("Соловьёв", "solovyev"), ("Титов", "titov"), ("Ушаков", "ushakov"), ("Фёдоров", "fedorov")),
)
_FATHERS = ("Алексе", "Андре", "Васил", "Григор", "Дмитри", "Евген", "Никола", "Серге", "Юр", "Матве")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who could register: identifiers as they are stored, names in Russian, a birthdate."""

    username: str
    email: str | None
    phone: str | None
    first_name: str
    last_name: str
    middle_name: str
    birthdate: date | None
    created_at: datetime
    role: str | None


def people(count: int, *, seed: int = 1) -> Iterator[Person]:
    """The first `count` people of `seed`: always the same ones, each with a login, an e-mail and a phone of their own.

    Their mail goes to example.org (RFC 2606) and their phones lie in an area code that does not exist.
    """
    for number in range(1, count + 1):
        yield _person(number, random.Random(f"{seed}:{number}"))  # noqa: S311 - nothing here is secret


def make(batch: Iterable[Person], *, encoded_password: str) -> list[tuple[User, Person]]:
    """Insert those of `batch` whose identifiers are all free; return them. Hash their password before, and once.

    Raises IntegrityError, with nothing of the batch inserted, when somebody registers one of them meanwhile.
    """
    free = _free([person for person in batch if _is_well_formed(person)])
    users = [
        User(
            username=person.username,
            email=person.email,
            phone=person.phone,
            password=encoded_password,
            created_at=person.created_at,
        )
        for person in free
    ]
    with transaction.atomic():
        User.objects.bulk_create(users)
        UsernameClaim.objects.bulk_create(
            [UsernameClaim(canonical=user.username_canonical, user=user) for user in users]
        )
        Event.objects.bulk_create(
            [Event(kind=Event.Kind.REGISTERED, user=user, user_ref=user.pk, actor="command") for user in users]
        )
        made = list(zip(users, free, strict=True))
        _give_roles(made)
    return made


def new_password() -> str:
    """Twelve random letters and digits that every dialect's own rule accepts."""
    return f"D{secrets.token_hex(4)}d{secrets.randbelow(100):02}"


def _person(number: int, chance: random.Random) -> Person:
    is_woman = chance.random() < 0.5
    first, first_latin = chance.choice(_WOMEN if is_woman else _MEN)
    last, last_latin = chance.choice(_SURNAMES)
    username = f"{last_latin}{'a' if is_woman else ''}_{first_latin}_{number}"
    return Person(
        username=username,
        email=f"{username}@example.org" if chance.random() < 0.9 else None,
        phone=f"+7000{number:07}" if chance.random() < 0.5 else None,
        first_name=first,
        last_name=last + ("а" if is_woman else ""),
        middle_name=_patronymic(chance.choice(_FATHERS), is_woman=is_woman) if chance.random() < 0.8 else "",
        birthdate=date(1950, 1, 1) + timedelta(days=chance.randrange(20_000)) if chance.random() < 0.7 else None,
        created_at=LATEST - timedelta(seconds=chance.randrange(3 * 365 * 86_400), microseconds=number % 1_000_000),
        role=chance.choice(ROLES) if chance.random() < 0.3 else None,
    )


def _patronymic(father: str, *, is_woman: bool) -> str:
    soft = father.endswith(("л", "р", "н"))
    return father + ("ь" if soft else "") + ("евна" if is_woman else "евич")


def _is_well_formed(person: Person) -> bool:
    given = {Kind.USERNAME: person.username, Kind.EMAIL: person.email, Kind.PHONE: person.phone}
    try:
        return all(identifiers.expect(kind, text).value == text for kind, text in given.items() if text)
    except InvalidInput:
        return False


def _free(batch: list[Person]) -> list[Person]:
    """Those whose username was never taken and whose e-mail and phone are nobody's. Three queries."""
    names = {person.username: identifiers.canonical(Kind.USERNAME, person.username) for person in batch}
    emails = {person.email: identifiers.canonical(Kind.EMAIL, person.email) for person in batch if person.email}
    phones = {person.phone for person in batch if person.phone}
    taken = {
        *UsernameClaim.objects.filter(canonical__in=names.values()).values_list("canonical", flat=True),
        *User.objects.filter(email_canonical__in=emails.values()).values_list("email_canonical", flat=True),
        *User.objects.filter(phone__in=phones).values_list("phone", flat=True),
    }
    return [
        person
        for person in batch
        if taken.isdisjoint({names[person.username], emails.get(person.email or ""), person.phone})
    ]


def _give_roles(made: list[tuple[User, Person]]) -> None:
    wanted = [(user, person.role) for user, person in made if person.role]
    if not wanted:
        return
    found = {role.name: role for role in roles.ensure(ROLES)}
    through = User.roles.through
    through.objects.bulk_create([through(user_id=user.pk, role_id=found[name].pk) for user, name in wanted])
    catalogue_changed()
