"""``python -m benchmarks.adding``: what one ``add_task`` costs the view."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from time import perf_counter

from benchmarks.responses import wsgi_responder
from benchmarks.results import OURS, Reach, Result, compare
from benchmarks.section_program import parse_effort, print_results
from benchmarks.task_collections import (
    KINDS,
    REFERENCE,
    Fill,
    Function,
    fill_list,
    fill_ours,
    find_peers,
)
from benchmarks.turns import by_turns
from bgtasks_adapters import BackgroundTasks, drain

TASKS = 100
COLLECTIONS = 5
"""So many times a turn are so many tasks added."""

BY_HAND = "list.append, by hand"
WITHIN_RESPONSE = "within a response"
REACHES = {"def": 0.25, "async def": 0.5}


def main() -> None:
    effort = parse_effort(__doc__)
    gc.freeze()  # what was imported needs no look between the turns
    print_results(
        result
        for kind, function in KINDS.items()
        for result in _measure(kind, function, effort.rounds_of(full=100, quick=15))
    )


def _measure(kind: str, function: Function, rounds: int) -> Iterator[Result]:
    peers, remarks = find_peers()
    measures = {name: _filling(fill, function) for name, fill in peers.items()}
    measures[BY_HAND] = _filling(fill_list, function)
    measures[OURS] = _filling(fill_ours, function)
    measures[WITHIN_RESPONSE] = _adding_within_response(function)
    taken = by_turns(measures, rounds)
    taken.update({name: [] for name in remarks})
    within = taken.pop(WITHIN_RESPONSE)
    for place, ours in ((WITHIN_RESPONSE, within), ("in a plain collection", taken[OURS])):
        yield compare(
            f"`add_task`, `{kind}`, {place}",
            "µs",
            {**taken, OURS: ours},
            reference=REFERENCE,
            reach=Reach(REACHES[kind]),
            remarks=remarks,
        )


def _filling(fill: Fill | Callable[..., object], function: Function) -> Callable[[], float]:
    def measure() -> float:
        start = perf_counter()
        # Kept, or those that leave no cycle behind would be given the same memory again.
        kept = [fill(function, TASKS, ()) for _ in range(COLLECTIONS)]
        seconds = perf_counter() - start
        kept.clear()
        return _micros_a_task(seconds)

    return measure


def _adding_within_response(function: Function) -> Callable[[], float]:
    taken: list[float] = []

    def view(tasks: BackgroundTasks) -> None:
        start = perf_counter()
        for _ in range(TASKS):
            tasks.add_task(function)
        taken.append(perf_counter() - start)

    respond = wsgi_responder(view)

    def measure() -> float:
        taken.clear()
        for _ in range(COLLECTIONS):
            respond().close()
            drain()  # nothing of it runs beside the next one
        return _micros_a_task(sum(taken))

    return measure


def _micros_a_task(seconds: float) -> float:
    return seconds / (TASKS * COLLECTIONS) * 1e6


if __name__ == "__main__":
    main()
