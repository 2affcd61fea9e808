"""``python -m tests.crash``: kill journalled sites and print what became of every task."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.crash.killing import KINDS, Result, Site, kill_often

HEAD = (
    "site",
    "kills",
    "acknowledged",
    "lost",
    "run twice: killed while it ran",
    "run twice: had just ended",
    "run, unacknowledged",
    "set aside, then retried",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each site (default: 100)")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments")
    parser.add_argument("--without-journal", action="store_true", help="show what is lost then")
    given = parser.parse_args(arguments)
    seed = random.randrange(10**6) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    moments = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="bgtasks-crash-"))
    results: list[Result] = []
    for number, kind in enumerate(KINDS):
        own = folder / str(number)
        own.mkdir()
        site = Site(kind, own, has_journal=not given.without_journal)
        results.append(kill_often(site, given.kills, moments))
        print(_line(results[-1]), flush=True)
    return _verdict(results, folder)


def _line(result: Result) -> str:
    found = result.account
    values = (
        result.kind.name,
        result.kills,
        len(found.acknowledged),
        len(found.lost),
        len(found.killed_while_running),
        len(found.ended_before),
        len(found.unacknowledged),
        result.set_aside,
    )
    return "; ".join(f"{head} {value}" for head, value in zip(HEAD, values, strict=True))


def _verdict(results: Sequence[Result], folder: Path) -> int:
    """Say what is wrong, if anything is, and return the exit status."""
    wrong = {
        "acknowledged and lost": [sorted(result.account.lost) for result in results],
        "committed without their task": [sorted(result.rows_without_task) for result in results],
        "run without their row": [sorted(result.tasks_without_row) for result in results],
        "still in the journal": [[result.left] if result.left else [] for result in results],
    }
    for what, found in wrong.items():
        if any(found):
            print(f"{what}: {found}; logs and databases are in {folder}")
    if any(any(found) for found in wrong.values()):
        return 1
    print("acknowledged and lost: 0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
