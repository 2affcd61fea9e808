"""``python -m tests.crash``: kill journalled sites and print what became of every task."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.crash.killing import Result, kill_often
from tests.crash.sites import KINDS, Database, Site

HEAD = (
    "site                    ",
    "kills",
    "acknowledged",
    "run",
    "lost",
    "again: killed in it",
    "again: had just ended",
    "again: unexplained",
    "run, no answer",
    "set aside, retried",
    "order, no task",
    "task, no order",
    "seconds",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each site (default: 100)")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments")
    parser.add_argument("--without-journal", action="store_true", help="show what is lost then")
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), default="sqlite", help="of Django's site"
    )
    given = parser.parse_args(arguments)
    seed = random.randrange(10**6) if given.seed is None else given.seed
    folder = Path(tempfile.mkdtemp(prefix="bgtasks-crash-"))
    print(f"seed {seed}\n\n{' | '.join(HEAD)}", flush=True)
    results: list[Result] = []
    for result in killed(
        given.kills, seed, folder, has_journal=not given.without_journal, database=given.database
    ):
        results.append(result)
        print(_row(result), flush=True)
    return _verdict(results, folder)


def killed(
    kills: int, seed: int, folder: Path, *, has_journal: bool = True, database: Database = "sqlite"
) -> Iterator[Result]:
    """Kill each site so often, one after the other."""
    moments = random.Random(seed)
    for number, kind in enumerate(KINDS):
        own = folder / str(number)
        own.mkdir()
        site = Site(kind, own, has_journal=has_journal, database=database)
        yield kill_often(site, kills, moments)


def _row(result: Result) -> str:
    found = result.account
    values = (
        result.name,
        result.kills,
        len(found.acknowledged),
        len(found.run),
        len(found.lost),
        len(found.killed_while_running),
        len(found.ended_before),
        len(found.unexplained),
        len(found.unacknowledged),
        result.set_aside,
        len(result.orders_without_task),
        len(result.tasks_without_order),
        round(result.seconds),
    )
    cells = [str(value).ljust(len(head)) for head, value in zip(HEAD, values, strict=True)]
    return " | ".join(cells).rstrip()


def wrongs(results: Sequence[Result]) -> list[str]:
    """Say what is wrong with which site: what no crash excuses."""
    found: list[str] = []
    for result in results:
        kinds = {
            "acknowledged and lost": result.account.lost,
            "begun and never ended": result.account.unfinished,
            "run again without a crash": result.account.unexplained,
            "committed without their task": result.orders_without_task,
            "run without their order": result.tasks_without_order,
        }
        found += [
            f"{result.name}: {what}: {sorted(which)}" for what, which in kinds.items() if which
        ]
        if result.left:
            found.append(f"{result.name}: {result.left} entries are still in the journal")
    return found


def _verdict(results: Sequence[Result], folder: Path) -> int:
    """Print what is wrong, if anything is, and return the exit status."""
    found = wrongs(results)
    aside = sum(result.set_aside for result in results)
    print()
    if aside:
        print(f"{aside} task(s) were set aside after too many kills, and sent on by hand")
    if found:
        print(*found, f"logs, notes and databases are in {folder}", sep="\n")
        return 1
    print("acknowledged and lost: 0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
