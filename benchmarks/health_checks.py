"""``python -m benchmarks.health_checks``: what the check of a kept connection costs a task.

Measured beside what a task does at least: one ``INSERT`` through the ORM. On the databases of the
tests, as they are found or started: on loopback, where a round trip is short.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

import django

if TYPE_CHECKING:
    from tests.django.database import Kind


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health_checks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500, help="of each measurement")
    rounds = parser.parse_args().rounds
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django_site.settings"
    django.setup()

    print(f"Microseconds, medians of {rounds} rounds, by turns.\n")
    print(f"{'database':12}{'check':>8}{'insert':>8}{'trip, kept':>12}{'trip, new':>12}")
    from tests.django.database import KINDS

    for kind in KINDS:
        try:
            print(f"{kind:12}{_measure(kind, rounds)}")
        except _UnavailableError as reason:
            print(f"{kind:12}not measured: {reason}")


class _UnavailableError(Exception):
    """Raised where a database cannot be had."""


def _give_up(reason: str) -> NoReturn:
    raise _UnavailableError(reason)


def _measure(kind: Kind, rounds: int) -> str:
    from django.db import connections

    from bgtasks_adapters.django.connections import ConnectionCare
    from tests.django.database import database_of

    with tempfile.TemporaryDirectory() as folder:
        database = database_of(kind, Path(folder), _give_up)
        with database.existing():
            here = connections[database.alias]

            def insert() -> None:
                database.notes.create(text="measured")

            def trip(max_age: int | None) -> None:
                database.settings["CONN_MAX_AGE"] = max_age
                here.close_at = None if max_age is None else 0.0
                with ConnectionCare() as care:
                    care.before_task()
                    insert()

            measured: list[Callable[[], object]] = [
                here.is_usable,
                insert,
                lambda: trip(0 if database.has_pool else None),
                lambda: trip(0),
            ]
            times: list[list[float]] = [[] for _ in measured]
            for _ in range(rounds):
                for function, taken in zip(measured, times, strict=True):
                    here.ensure_connection()
                    started = perf_counter()
                    function()
                    taken.append(perf_counter() - started)
    micros = [statistics.median(taken) * 1e6 for taken in times]
    return "{:>8.0f}{:>8.0f}{:>12.0f}{:>12.0f}".format(*micros)


if __name__ == "__main__":
    main()
