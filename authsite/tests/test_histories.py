"""Any history of accounts and sign-ins, in any order: every token works exactly when it should.

Hypothesis makes up the histories. What should work is known from a model of a few lines; whether it does is asked at
the doors: after each step about the account it was about, at the end about all.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace

import hypothesis
import pytest
import time_machine
from django.db import transaction
from django.test import Client
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.models import User
from accounts.services import accounts
from accounts.tests.factories import make_user
from authsite.tests.doors import CALLS, FRONT_DOORS, Call, SignInDoor, send
from tokens.formats import TokenType
from tokens.services import keys, revocation

PASSWORDS = ("Correct-horse1", "Another-horse2", "Third-horse3")
# In Cyrillic, since that is where databases differ about upper and lower case.
AGENTS = ("Атом 30", "Яндекс.Браузер 25", "100%_sure")
BEGINNING = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GIGACHAT_DATE = "%Y-%m-%d-%H:%M:%S"
READING = {
    TokenType.GIGACHAT: ("GET", "/control/tokens/get", "token"),
    TokenType.GONCORD: ("GET", "/api/v0/tokens/validate", "bearer"),
    TokenType.REGISTRATION_ACCESS: ("GET", "/validate/jwt/access", "access"),
    TokenType.REGISTRATION_REFRESH: ("GET", "/validate/jwt/refresh", "refresh"),
    TokenType.CABINET: ("GET", "/account/me", "raw"),
}
ASKED: dict[TokenType, Call] = {
    token_type: next(call for call in CALLS if (call.method, call.path, call.place) == wanted)
    for token_type, wanted in READING.items()
}


@dataclass
class Account:
    """What ought to be true of one account."""

    pk: int
    username: str
    email: str
    password: str
    is_active: bool = True
    is_there: bool = True


@dataclass
class Signed:
    """One sign-in, with its tokens; `works` is what ought to be true."""

    account: Account
    agent: str
    second: int
    tokens: dict[TokenType, str]
    works: bool = True


def mostly(dice: Random) -> bool:
    return dice.random() < 0.8


def another(password: str) -> str:
    return next(other for other in PASSWORDS if other != password)


class Histories(RuleBasedStateMachine):
    """Accounts and their sign-ins, changed through the doors and through the services that the admin uses."""

    @initialize(agents=st.permutations((*AGENTS, AGENTS[0])))
    def begin(self, agents: list[str]) -> None:
        """One transaction holds a whole history and is undone after it; two accounts are there, and signed in."""
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        # The keys of the history before were undone with it.
        keys.forget()
        self._clock = time_machine.travel(BEGINNING, tick=False)
        self.clock = self._clock.start()
        self.second = 0
        self.client = Client()
        self.names = (f"user_{number}" for number in itertools.count())
        self.accounts: list[Account] = []
        self.signed: list[Signed] = []
        self.touched: list[Account] = []
        for password, doors in zip(PASSWORDS, (FRONT_DOORS, FRONT_DOORS[:2]), strict=False):
            self.register(password)
            for door, agent in zip(doors, agents, strict=False):
                self.sign_in_as(self.accounts[-1], door, agent)

    def teardown(self) -> None:
        if not hasattr(self, "_transaction"):
            return
        try:
            self.ask_about(self.signed)
        finally:
            self._clock.stop()
            transaction.set_rollback(True)
            self._transaction.__exit__(None, None, None)

    def some_sign_in(self, dice: Random, token_type: TokenType | None = None) -> Signed:
        """A sign-in, with a token of `token_type` if one is named; mostly one that works, if there is one."""
        works = mostly(dice)
        fit = [signed for signed in self.signed if token_type is None or token_type in signed.tokens]
        return dice.choice([signed for signed in fit if signed.works == works] or fit)

    def touch(self, *those: Account) -> None:
        """Something is about to be done to `those`, in a second of its own: `started` tells sign-ins apart."""
        self.second += 1
        self.clock.shift(1)
        self.touched += those

    def register(self, password: str) -> None:
        username = next(self.names)
        email = f"{username}@example.org"
        user = make_user(username, email=email, password=password)
        self.accounts.append(Account(user.pk, username, email, password))

    @rule(dice=st.randoms(use_true_random=True))
    def something_happens(self, dice: Random) -> None:
        """Hypothesis throws the dice, and leaves out what a failure does not need; by dice all things are frequent."""
        what = dice.choice((self.sign_in, *3 * [self.end_some], self.change_password, *2 * [self.administer]))
        hypothesis.note(f"{self.second}: {what.__name__}")
        what(dice)

    def sign_in(self, dice: Random) -> None:
        self.sign_in_as(
            dice.choice(self.accounts),
            dice.choice(FRONT_DOORS),
            dice.choice(AGENTS),
            knows_password=mostly(dice),
            by_email=not mostly(dice),
        )

    def sign_in_as(
        self,
        account: Account,
        door: SignInDoor,
        agent: str,
        *,
        knows_password: bool = True,
        by_email: bool = False,
    ) -> None:
        self.touch(account)
        password = account.password if knows_password else another(account.password)
        headers = {"browser": agent} if "browser" in door.headers else {"User-Agent": agent}
        answer = door(self.client, account.email if by_email else account.username, password, **headers)
        if account.is_there and account.is_active and knows_password:
            assert answer.status_code == door.status, answer.content
            self.signed.append(Signed(account, agent, self.second, door.tokens(answer.json())))
        else:
            assert answer.status_code == door.refused[0], answer.content

    def end_some(self, dice: Random) -> None:
        match dice.choice(("one", "by agent", "by date", "by both")):
            case "one":
                self.sign_out(self.some_sign_in(dice, TokenType.GONCORD))
            case how:
                signed = self.some_sign_in(dice)
                agent = "" if how == "by date" else dice.choice(("ЯНДЕКС", "АТОМ", "%"))
                own = [other for other in self.signed if other.account is signed.account]
                self.end(signed, agent=agent, since=None if how == "by agent" else dice.choice(own))

    def sign_out(self, signed: Signed) -> None:
        """goncord: the token's own sign-in ends, and no other."""
        self.touch(signed.account)
        headers = {"Authorization": f"Bearer {signed.tokens[TokenType.GONCORD]}"}
        answer = send(self.client, "DELETE", "/api/v0/tokens", headers=headers)
        assert answer.status_code == (204 if signed.works else 401), answer.content
        signed.works = False

    def end(self, signed: Signed, *, agent: str, since: Signed | None) -> None:
        """gigachat: by agent, and what began strictly before another sign-in of the same account did."""
        account = signed.account
        self.touch(account)
        token = next(token for kind, token in signed.tokens.items() if kind != TokenType.REGISTRATION_REFRESH)
        query = {"id": str(account.pk), "token": token, "agent": agent}
        before = since.second if since else self.second
        if since:
            query["started"] = (BEGINNING + timedelta(seconds=before)).strftime(GIGACHAT_DATE)
        answer = send(self.client, "DELETE", "/control/tokens", query=query)
        if not signed.works:
            assert answer.status_code == 404, answer.content
            return
        ended = [
            other
            for other in self.signed
            if other.account is account
            and other.works
            and other.second < before
            and agent.casefold() in other.agent.casefold()
        ]
        assert answer.json() == {"status": "Done", "count": len(ended)}
        for other in ended:
            other.works = False

    def change_password(self, dice: Random) -> None:
        """goncord: every sign-in of the account ends but the one that makes the change."""
        signed, knows_password, new = self.some_sign_in(dice, TokenType.GONCORD), mostly(dice), dice.choice(PASSWORDS)
        account = signed.account
        self.touch(account)
        headers = {"Authorization": f"Bearer {signed.tokens[TokenType.GONCORD]}"}
        old = account.password if knows_password else another(account.password)
        body = {"old_password": old, "new_password": new}
        answer = send(self.client, "POST", "/api/v0/users/change_password", body, headers=headers)
        if not signed.works:
            assert answer.status_code == 401, answer.content
        elif not knows_password:
            assert answer.status_code == 422, answer.content
        else:
            assert answer.status_code == 200, answer.content
            self.end_all(account, but=signed)
            account.password = new

    def administer(self, dice: Random) -> None:
        account = dice.choice(self.accounts)
        what = dice.choice(("deactivate", "deactivate", "rename", "delete", "end all", "end everybody's"))
        self.touch(account)
        if what == "end everybody's":
            self.touch(*self.accounts)
            revocation.revoke_everybody(actor="test")
            for each in self.accounts:
                self.end_all(each)
        elif account.is_there:
            user = User.objects.get(pk=account.pk)
            match what:
                case "deactivate" if account.is_active:
                    self.deactivate(account, user, dice.choice(FRONT_DOORS))
                    if mostly(dice):
                        self.activate(account, user)
                case "deactivate":
                    self.activate(account, user)
                case "rename":
                    self.rename(account, user, dice.choice(FRONT_DOORS))
                case "delete":
                    self.delete(account, user)
                case "end all":
                    revocation.end_everything(user, actor="test")
                    self.end_all(account)

    def deactivate(self, account: Account, user: User, door: SignInDoor) -> None:
        """Who is deactivated is signed in nowhere, and is not let in."""
        accounts.deactivate(user, actor="test")
        account.is_active = False
        self.end_all(account)
        self.sign_in_as(account, door, AGENTS[0])
        self.ask_about([signed for signed in self.signed if signed.account is account])

    def activate(self, account: Account, user: User) -> None:
        """Who is let in again has to sign in anew."""
        accounts.activate(user, actor="test")
        account.is_active = True

    def rename(self, account: Account, user: User, door: SignInDoor) -> None:
        """A new name ends no sign-in; the old one opens nothing, and nobody gets it."""
        old, account.username = account.username, next(self.names)
        accounts.edit(user, actor="test", username=account.username)
        assert door(self.client, old, account.password).status_code == door.refused[0]
        self.is_taken(old)

    def delete(self, account: Account, user: User) -> None:
        """Nobody gets the name of who was deleted; another account is made instead."""
        accounts.delete(user, actor="test")
        account.is_there = False
        self.end_all(account)
        self.is_taken(account.username)
        self.register(account.password)

    def is_taken(self, username: str) -> None:
        before = User.objects.count()
        query = {"username": username, "password": PASSWORDS[0], "contact": "other@example.org"}
        answer = send(self.client, "GET", "/register", query=query)
        assert (answer.status_code, answer.json()["description"]) == (409, "UsernameAlreadyRegistered")
        assert User.objects.count() == before

    def end_all(self, account: Account, *, but: Signed | None = None) -> None:
        for signed in self.signed:
            if signed.account is account and signed is not but:
                signed.works = False

    @invariant()
    def every_token_works_exactly_when_it_should(self) -> None:
        if hasattr(self, "signed"):
            self.ask_about([signed for signed in self.signed if signed.account in self.touched])
            self.touched.clear()

    def ask_about(self, those: list[Signed]) -> None:
        for signed in those:
            for token_type, token in signed.tokens.items():
                ask = ASKED[token_type]
                answer = ask(self.client, token, SimpleNamespace(pk=signed.account.pk))
                verdict = ask.opened(answer) if signed.works else ask.refuses(answer)
                assert verdict, (token_type, signed, answer.content)


@pytest.mark.django_db
def test_every_history(settings):
    settings.ACCOUNTS_RATE_LIMITS = False
    bounds = hypothesis.settings(
        max_examples=20,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        # The same histories on every machine: what fails here fails everywhere.
        derandomize=True,
        database=None,
    )
    run_state_machine_as_test(Histories, settings=bounds)
