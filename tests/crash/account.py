"""What became of every order, from what clients and tasks have noted."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    """Numbers of orders, each list a kind of fate."""

    acknowledged: set[int]
    """Those whose complete response a client has read."""
    run: set[int]
    """Those whose task has ended at least once."""
    lost: set[int]
    """Acknowledged, and not run."""
    unacknowledged: set[int]
    """Run, though the client never had its answer: killed in between."""
    killed_while_running: set[int]
    """Run again, because the process died when the task had begun and not ended."""
    ended_before: set[int]
    """Run again, although it had ended: the process died before that was written down."""


def account(acknowledged: set[int], notes: Path) -> Account:
    events: dict[int, list[str]] = defaultdict(list)
    if notes.exists():
        for line in notes.read_text().splitlines():
            event, number, _ = line.split()
            events[int(number)].append(event)
    run = {number for number, seen in events.items() if "end" in seen}
    pairs = {number: set(pairwise(seen)) for number, seen in events.items()}
    return Account(
        acknowledged,
        run,
        acknowledged - run,
        run - acknowledged,
        {number for number, seen in pairs.items() if ("begin", "begin") in seen},
        {number for number, seen in pairs.items() if ("end", "begin") in seen},
    )
