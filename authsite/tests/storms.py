"""Storms: callers who register, sign in and sign out at once, and a journal of what each of them was told.

What was answered is acknowledged, and must hold whatever was killed meanwhile; what was refused must not be there; what
was asked and never answered, or answered by 503, may have happened or not.
"""

import random
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import requests

from authsite.tests.live import Server

PASSWORD = "Correct-horse1"
CALLERS = 8
# Callers of a circle contend for the same names.
CIRCLES = 3
SECONDS_TO_RISE = 30
SETTINGS = {"RATE_LIMITS": "off", "ARGON2_MEMORY_KIB": "8", "ARGON2_TIME_COST": "1"}


class Unknown(Exception):
    """No answer, or one that leaves open what happened."""


@dataclass
class Unavailable:
    """A 503, asked for and answered at these moments of `time.monotonic()`."""

    asked: float
    answered: float
    answer: requests.Response


@dataclass
class Journal:
    """What a caller has been told. A token stands with the username of its account."""

    registered: set[str] = field(default_factory=set)
    # E-mails of registrations that were refused, as the name was taken.
    refused: set[str] = field(default_factory=set)
    working: set[tuple[str, str]] = field(default_factory=set)
    ended: set[tuple[str, str]] = field(default_factory=set)
    unanswered: list[str] = field(default_factory=list)
    unavailable: list["Unavailable"] = field(default_factory=list)
    # Answers that nothing excuses.
    unforeseen: list[str] = field(default_factory=list)

    def __add__(self, other: "Journal") -> "Journal":
        return Journal(**{name: _joined(getattr(self, name), getattr(other, name)) for name in vars(self)})

    @property
    def has_everything(self) -> bool:
        """Whether a bit of everything has been told."""
        return all((self.registered, self.refused, self.working, self.ended))


def _joined(ours, theirs):
    return ours | theirs if isinstance(ours, set) else ours + theirs


class Caller:
    """One of many: whatever it asks goes into its journal."""

    def __init__(self, server: Server, name: str, number: int) -> None:
        self.server, self.name, self.number = server, name, number
        self.journal = Journal()
        self._session = requests.Session()
        self._chance = random.Random(f"{name}-{number}")

    def call_until(self, stop: threading.Event) -> None:
        for turn in count():
            if stop.is_set():
                return
            try:
                self._take_a_turn(f"{self.name}_{self.number % CIRCLES}_{turn}")
            except Unknown:
                # Nobody hammers on a door that was just closed.
                time.sleep(0.02)

    def _take_a_turn(self, name: str) -> None:
        email = f"{name}_{self.number}@example.org"
        form = {"username": name, "password": PASSWORD, "contact": email, "create_token": True}
        answer = self._ask("POST", "/register", 200, 409, json=form)
        if answer.status_code == 409:
            self.journal.refused.add(email)
            return
        self.journal.registered.add(name)
        first = (name, answer.json()["data"]["token"])
        self.journal.working.add(first)
        answer = self._ask("POST", "/api/v0/tokens", 201, json={"login": name, "password": PASSWORD})
        second = (name, answer.json()["jwt"])
        self.journal.working.add(second)
        match self._chance.randrange(3):
            case 0:
                self._end({second}, "/api/v0/tokens", 204, headers={"Authorization": f"Bearer {second[1]}"})
            case 1:
                self._end({first, second}, "/control/tokens", 200, params={"id": name, "token": first[1]})

    def _end(self, tokens: set[tuple[str, str]], path: str, status: int, **arguments) -> None:
        # From the moment it is asked until it is answered nobody knows.
        self.journal.working -= tokens
        self._ask("DELETE", path, status, **arguments)
        self.journal.ended |= tokens

    def _ask(self, method: str, path: str, *expected: int, **arguments) -> requests.Response:
        asked = time.monotonic()
        try:
            answer = self._session.request(method, self.server.url + path, timeout=20, **arguments)
        except requests.RequestException as error:
            self.journal.unanswered.append(f"{method} {path}: {error}")
            raise Unknown from error
        if answer.status_code in expected:
            return answer
        if answer.status_code == 503:
            self.journal.unavailable.append(Unavailable(asked, time.monotonic(), answer))
        else:
            self.journal.unforeseen.append(f"{method} {path}: {answer.status_code} {answer.text}")
        raise Unknown


@contextmanager
def storm(server: Server, name: str) -> Iterator[Journal]:
    """Let the callers call while the block runs, which begins once they have been told of everything.

    The journal is filled after the block. `name` begins all usernames.
    """
    stop, journal = threading.Event(), Journal()
    callers = [Caller(server, name, number) for number in range(CALLERS)]

    def together() -> Journal:
        return sum((caller.journal for caller in callers), Journal())

    threads = [threading.Thread(target=caller.call_until, args=(stop,)) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        deadline = time.monotonic() + SECONDS_TO_RISE
        while not together().has_everything:
            assert time.monotonic() < deadline, together()
            time.sleep(0.05)
        yield journal
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        vars(journal).update(vars(together()))


@dataclass
class Findings:
    """What does not hold of what a journal says; nothing, it is hoped."""

    lost: set[str]
    present_though_refused: set[str]
    twice: set[str]
    lost_tokens: list[tuple[str, str]]
    live_though_ended: list[tuple[str, str]]

    def __bool__(self) -> bool:
        return any((self.lost, self.present_though_refused, self.twice, self.lost_tokens, self.live_though_ended))


def compare(server: Server, journal: Journal) -> Findings:
    """What the server has now, beside what it said."""
    entries = requests.get(f"{server.url}/info/users/", timeout=60).json()
    names = [entry["login"] for entry in entries]
    emails = {entry["email"] for entry in entries}
    return Findings(
        lost=journal.registered - set(names),
        present_though_refused=journal.refused & emails,
        twice={name for name in names if names.count(name) > 1},
        lost_tokens=_that_work(server, journal.working, False),
        live_though_ended=_that_work(server, journal.ended, True),
    )


def _that_work(server: Server, tokens: Iterable[tuple[str, str]], wanted: bool) -> list[tuple[str, str]]:
    """Those of `tokens` that work, or those that do not."""
    sessions = threading.local()

    def works(pair: tuple[str, str]) -> bool:
        if not hasattr(sessions, "session"):
            sessions.session = requests.Session()
        query = {"id": pair[0], "token": pair[1]}
        answer = sessions.session.get(f"{server.url}/control/tokens/get", params=query, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"] is not False

    those = sorted(tokens)
    with ThreadPoolExecutor(4) as pool:
        return [pair for pair, said in zip(those, pool.map(works, those), strict=True) if said == wanted]
