"""`python -m benchmarks.flood`: a flood of sign-ins, the service under it, and what it leaves behind.

Passwords are hashed with the parameters that the server has by default: by clients that sign in; by nothing but the
hash, as fast as this machine can; and by a flood of clients, while others ask whether their tokens work.
"""

import argparse
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from argon2.low_level import Type, hash_secret

from benchmarks import doors, report
from benchmarks.doors import PASSWORD, SIGN_INS, get
from benchmarks.load import Connection, Sample, Stream, run
from benchmarks.servers import Bench

HEADINGS = (
    *("phase", "sign-ins/s", "of the ceiling", "503 with Retry-After", "other refusals"),
    *("validations/s", "p50, ms", "p95, ms", "memory, MiB"),
)
# As authsite/settings.py has them, KiB, passes and lanes.
ARGON2 = {"memory_cost": 19_456, "time_cost": 2, "parallelism": 1}
ENVIRONMENT = {f"ARGON2_{name}": "" for name in ("MEMORY_KIB", "TIME_COST", "PARALLELISM")}
ACCOUNTS = 10


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = report.parser(__doc__, databases=("PostgreSQL",))
    parser.add_argument("--seconds", type=float, default=15.0, help="Of each phase. Default: %(default)s.")
    parser.add_argument("--clients", type=int, default=64, help="That flood. Default: %(default)s.")
    parser.add_argument("--rate", type=int, default=200, help="Validations a second. Default: %(default)s.")
    return parser


def measure(bench: Bench, chosen: argparse.Namespace) -> Iterator[report.Row]:
    """The rows of one database."""
    cores = os.cpu_count() or 1
    with bench.served(**ENVIRONMENT) as server:
        validations, sign_ins = _requests(server.port)
        asking = Stream(validations, clients=16, rate=chosen.rate)

        def phase(name: str, asking: Stream | None, signing_in: Stream | None) -> tuple[str, Sample, Sample, float]:
            report.progress(f"{bench.kind}: {name}")
            streams = (asking, signing_in)
            samples = iter(run(server.port, *filter(None, streams), seconds=chosen.seconds))
            asked, signed_in = (next(samples) if stream else Sample() for stream in streams)
            assert set(asked.statuses) <= {200}, asked.statuses
            return name, asked, signed_in, server.memory_bytes() / 1_048_576

        before = phase("validation alone", asking, None)
        # Before and after what is compared with it, since a machine may be busy at one time and not at another.
        ceilings = [_hashes_a_second(cores, chosen.seconds / 2)]
        alone = phase("8 clients sign in", None, Stream(sign_ins, clients=8))
        ceilings.append(_hashes_a_second(cores, chosen.seconds / 2))
        flooded = phase("a flood and validation", asking, Stream(sign_ins, clients=chosen.clients))
        after = phase("validation after it", asking, None)
    ceiling = sum(ceilings) / len(ceilings)
    yield f"hashing alone, {cores} threads", f"{ceiling:.0f}", "1.00", *[""] * 6
    for name, asked, signed_in, memory in (before, alone, flooded, after):
        yield name, *_signed_in(signed_in, ceiling), *_validated(asked), f"{memory:.0f}"


def _requests(port: int) -> tuple[list[bytes], list[bytes]]:
    """Requests that validate tokens of goncord, and requests that sign in at cabinet."""
    with closing(Connection(port)) as connection:
        logins = [f"person_{number}" for number in range(ACCOUNTS)]
        for login in logins:
            doors.register(connection, login)
        tokens = [SIGN_INS["goncord"].new_token(connection, login) for login in logins]
    validations = [get("/api/v0/tokens/validate", Authorization=f"Bearer {token}") for token in tokens]
    return validations, [SIGN_INS["cabinet"].request(login) for login in logins]


def _hashes_a_second(threads: int, seconds: float) -> float:
    """How many passwords so many threads hash in a second, none of them waiting for anything else."""
    until = time.perf_counter() + seconds
    barrier = threading.Barrier(threads)

    def hash_on(_: int) -> int:
        barrier.wait()
        count = 0
        while time.perf_counter() < until:
            hash_secret(PASSWORD.encode(), os.urandom(16), **ARGON2, hash_len=32, type=Type.ID)
            count += 1
        return count

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(hash_on, range(threads))) / (time.perf_counter() - started)


def _signed_in(sample: Sample, ceiling: float) -> tuple[str, ...]:
    if not sample.latencies:
        return "", "", "", ""
    rate = sample.statuses[200] / sample.seconds
    refused = len(sample.latencies) - sample.statuses[200] - sample.told_to_wait + sample.broken
    return f"{rate:.0f}", f"{rate / ceiling:.2f}", str(sample.told_to_wait), str(refused)


def _validated(sample: Sample) -> tuple[str, ...]:
    if not sample.latencies:
        return "", "", ""
    return f"{sample.rate:.0f}", *(f"{sample.percentile(percent) * 1000:.1f}" for percent in (50, 95))


if __name__ == "__main__":
    report.run(HEADINGS, measure, options().parse_args())
