"""How a benchmark is asked for and told: its options, a Markdown table row by row, and on which machine it ran."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.servers import Bench, benches

KINDS = ("SQLite", "PostgreSQL")
Row = Sequence[object]
Measure = Callable[[Bench, Any], Iterable[Row]]


def parser(told: str | None, databases: Sequence[str] = KINDS) -> argparse.ArgumentParser:
    """The options that every benchmark has; `told` is the documentation of its module, which says what else."""
    made = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--databases", nargs="+", choices=KINDS, default=databases, help="Measure on these. Default: %(default)s."
    )
    return made


def run(headings: Sequence[str], measure: Measure, options: argparse.Namespace) -> None:
    """Measure on every database asked for; print the machine and each row as soon as it is known."""
    print(f"{machine()}\n\n| database | {' | '.join(headings)} |\n|{'---|' * (len(headings) + 1)}", flush=True)
    for bench in benches(options.databases):
        for row in measure(bench, options):
            print(f"| {bench.kind} | {' | '.join(map(str, row))} |", flush=True)


def progress(text: str) -> None:
    """Say on standard error what is being done."""
    print(f"… {text}", file=sys.stderr, flush=True)


def machine() -> str:
    """What the figures depend on: when, on what, and what else the machine had to do when it began."""
    model = "".join(line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo", "model name")[:1])
    memory = int(_lines("/proc/meminfo", "MemTotal")[0].split()[1]) / 1_048_576
    libraries = ", ".join(f"{name} {version(name)}" for name in ("Django", "djangorestframework", "gunicorn"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {libraries}; load before: {os.getloadavg()[0]:.1f}."
    )


def _lines(file: str, beginning: str) -> list[str]:
    return [line for line in Path(file).read_text().splitlines() if line.startswith(beginning)]
