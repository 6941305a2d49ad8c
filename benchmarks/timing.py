"""`python -m benchmarks.timing`: whether the time of a refused sign-in tells why it was refused.

At each dialect's door, in turns: an account nobody has, a wrong password, the right password of a deactivated account,
and an account without a password. A ratio is that to the median for a wrong password; 0.90 to 1.10 is the aim.
"""

import argparse
import random
import statistics
from collections.abc import Iterator
from contextlib import closing

from benchmarks import doors, report
from benchmarks.doors import PASSWORD, SIGN_INS
from benchmarks.load import Connection
from benchmarks.servers import Bench

# What is told, and the login and password that are sent.
REFUSALS = {
    "wrong password": ("person", "Wrong-horse1"),
    "unknown": ("nobody", PASSWORD),
    "deactivated": ("leaver", PASSWORD),
    "no password": ("guest", PASSWORD),
}
HEADINGS = ("dialect", *(f"{name}, ms" for name in REFUSALS), *(f"{name}, ratio" for name in list(REFUSALS)[1:]))


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = report.parser(__doc__, databases=("PostgreSQL",))
    parser.add_argument("--times", type=int, default=300, help="Refusals of each kind. Default: %(default)s.")
    return parser


def measure(bench: Bench, chosen: argparse.Namespace) -> Iterator[report.Row]:
    """The rows of one database."""
    with bench.served() as server, closing(Connection(server.port)) as connection:
        for login in ("person", "leaver"):
            doors.register(connection, login)
        bench.manage("deactivate_user", "leaver")
        bench.manage("create_user", "guest", "--no-password")
        for dialect, door in SIGN_INS.items():
            report.progress(f"{bench.kind}: {chosen.times} refusals of each kind by {dialect}")
            requests = [(name, door.request(*sent)) for name, sent in REFUSALS.items()]
            seconds: dict[str, list[float]] = {name: [] for name in REFUSALS}
            # The first of each is not counted: the hash for nobody, for instance, is made once.
            for number in range(chosen.times + 1):
                random.shuffle(requests)
                for name, request in requests:
                    answer = connection.ask(request)
                    assert answer.status == door.refused, f"{name}: {answer.status} {answer.body!r}"
                    if number:
                        seconds[name].append(answer.seconds)
            medians = [statistics.median(of_it) for of_it in seconds.values()]
            ratios = (median / medians[0] for median in medians[1:])
            yield dialect, *(f"{median * 1000:.2f}" for median in medians), *(f"{ratio:.3f}" for ratio in ratios)


if __name__ == "__main__":
    report.run(HEADINGS, measure, options().parse_args())
