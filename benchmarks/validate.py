"""`python -m benchmarks.validate`: what it costs to be asked whether a token works and whose it is, in every dialect.

Beside it stands the same question to Django REST framework with simplejwt (`benchmarks/peer.py`): the same server over
the same database, in the same run, in turns. Ratios above one are in our favour.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from contextlib import closing

from benchmarks import doors, report, servers
from benchmarks.doors import SIGN_INS, get
from benchmarks.load import Connection, Stream
from benchmarks.servers import Bench, Round, Served

HEADINGS = ("call", "req/s", "p50, ms", "p95, ms", "CPU, µs", "database, µs", "req/s : peer", "CPU : peer")
# Passwords are not what is measured here.
ENVIRONMENT = {"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME_COST": "1"}
CALLS: dict[str, tuple[str, Callable[[str, str], bytes]]] = {
    "goncord `GET /api/v0/tokens/validate`": (
        "goncord",
        lambda _login, token: get("/api/v0/tokens/validate", Authorization=f"Bearer {token}"),
    ),
    "gigachat `GET /control/tokens/get`": (
        "gigachat",
        lambda login, token: get("/control/tokens/get", {"id": login, "token": token}),
    ),
    "registration `GET /validate/jwt/access`": (
        "registration",
        lambda _login, token: get("/validate/jwt/access", {"access": token}),
    ),
    "cabinet `GET /account/me`": ("cabinet", lambda _login, token: get("/account/me", Authorization=token)),
    "cabinet `GET /account/login/check`": (
        "cabinet",
        lambda login, _token: get("/account/login/check", {"login": login}),
    ),
}
PEER = "peer `GET /users/me/`"


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = report.parser(__doc__)
    parser.add_argument("--accounts", type=int, default=50, help="Tokens of each kind. Default: %(default)s.")
    parser.add_argument("--clients", type=int, default=16, help="Connections kept alive. Default: %(default)s.")
    parser.add_argument("--rounds", type=int, default=3, help="For each call; the median counts. Default: %(default)s.")
    parser.add_argument("--seconds", type=float, default=2.0, help="Of each round. Default: %(default)s.")
    return parser


def measure(bench: Bench, chosen: argparse.Namespace) -> Iterator[report.Row]:
    """The rows of one database."""
    with bench.served(**ENVIRONMENT) as ours, bench.served(servers.PEER, **ENVIRONMENT) as peer:
        report.progress(f"{bench.kind}: making {chosen.accounts} accounts and their tokens")
        contenders: dict[str, tuple[Served, list[bytes]]] = {PEER: (peer, []), **{name: (ours, []) for name in CALLS}}
        for login, tokens, peers_token in _signed_in(ours, peer, chosen.accounts):
            contenders[PEER][1].append(get("/users/me/", Authorization=f"Bearer {peers_token}"))
            for name, (dialect, request) in CALLS.items():
                contenders[name][1].append(request(login, tokens[dialect]))
        for name, (server, requests) in contenders.items():
            with closing(Connection(server.port)) as connection:
                assert all(doors.told(connection.ask(request)) for request in requests), f"{name} says no"
        rounds: dict[str, list[Round]] = {name: [] for name in contenders}
        for number in range(chosen.rounds):
            report.progress(f"{bench.kind}: round {number + 1} of {chosen.rounds}")
            for name, (server, requests) in contenders.items():
                stream = Stream(requests, chosen.clients)
                rounds[name].append(bench.ask(server, stream, chosen.seconds))
    peers = _medians(rounds[PEER])
    for name, of_it in rounds.items():
        rate, p50, p95, cpu, database = _medians(of_it)
        told = f"{database:.0f}" if bench.server else ""
        ratios = rate / peers[0], (peers[3] + peers[4]) / (cpu + database)
        yield (
            *(name, f"{rate:.0f}", f"{p50 * 1000:.1f}", f"{p95 * 1000:.1f}", f"{cpu:.0f}", told),
            *(f"{ratio:.1f}" for ratio in ratios),
        )


def _signed_in(ours: Served, peer: Served, accounts: int) -> Iterator[tuple[str, dict[str, str], str]]:
    """New accounts: the login of each, a token of each dialect, and one of the peer."""
    with closing(Connection(ours.port)) as here, closing(Connection(peer.port)) as there:
        for number in range(accounts):
            login = f"person_{number}"
            doors.register(here, login)
            tokens = {dialect: door.new_token(here, login) for dialect, door in SIGN_INS.items()}
            at_the_peer = doors.post("/jwt/create/", {"username": login, "password": doors.PASSWORD})
            yield login, tokens, doors.told(there.ask(at_the_peer))["access"]


def _medians(rounds: list[Round]) -> tuple[float, ...]:
    """Answers a second, seconds that half and 95 % of them took at most, µs of CPU here and in the database."""
    samples = [one.sample for one in rounds]
    return (
        statistics.median(sample.rate for sample in samples),
        *(statistics.median(sample.percentile(percent) for sample in samples) for percent in (50, 95)),
        statistics.median(one.cpu for one in rounds),
        statistics.median(one.database for one in rounds),
    )


if __name__ == "__main__":
    report.run(HEADINGS, measure, options().parse_args())
