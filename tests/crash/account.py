"""What became of every order, from what clients and tasks have noted."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    """Numbers of orders, each set a kind of fate."""

    acknowledged: set[int]
    """Those whose complete response a client has read."""
    run: set[int]
    """Those whose task has ended at least once."""
    lost: set[int]
    """Acknowledged, and not run."""
    unfinished: set[int]
    """Begun, acknowledged or not, and never ended."""
    unacknowledged: set[int]
    """Run, though the client never had its answer: killed in between."""
    killed_while_running: set[int]
    """Run again, because the process died when the task had begun and not ended."""
    ended_before: set[int]
    """Run again, although it had ended: the process died before that was written down."""
    unexplained: set[int]
    """Run again although the process that had it was not dead: no crash excuses that."""


class _Note(NamedTuple):
    line: int
    event: str
    process: str


def account(acknowledged: set[int], notes: Path) -> Account:
    """Read what the tasks have noted; the lines stand in the order in which all was done."""
    noted: dict[int, list[_Note]] = defaultdict(list)
    last_of: dict[str, int] = {}
    for line, text in enumerate(notes.read_text().splitlines() if notes.exists() else []):
        event, order, process = text.split()
        noted[int(order)].append(_Note(line, event, process))
        last_of[process] = line
    run = {number for number, seen in noted.items() if any(each.event == "end" for each in seen)}
    again: dict[str, set[int]] = {"begin": set(), "end": set(), "unexplained": set()}
    for number, seen in noted.items():
        for before, after in pairwise(seen):
            if after.event == "begin":
                # Who writes a line later, about whatever task, was alive at this one.
                was_dead = last_of[before.process] < after.line
                again[before.event if was_dead else "unexplained"].add(number)
    return Account(
        acknowledged=acknowledged,
        run=run,
        lost=acknowledged - run,
        unfinished=set(noted) - run,
        unacknowledged=run - acknowledged,
        killed_while_running=again["begin"],
        ended_before=again["end"],
        unexplained=again["unexplained"],
    )
