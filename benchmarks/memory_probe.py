"""A program: how much this process grows by pending tasks. Prints what it found as JSON.

``python -m benchmarks.memory_probe one <contender> <tasks>``: all tasks in one response, and how
long adding and running them takes. Small responses are held many at a time, because memory comes
in pages. ``... many <contender> <responses>``: a task each, while all workers are blocked.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.responses import wsgi_responder
from benchmarks.results import OURS
from benchmarks.task_collections import fill_list, find_peers
from bgtasks_adapters import BackgroundTasks, drain

BY_HAND = "list.append, by hand"
POOL_BY_HAND = "ThreadPoolExecutor.submit, by hand"
OURS_ASGI = f"{OURS}, ASGI"

ROOM = 10_000_000
"""For the setting ``max_pending``, which would otherwise slow the responses, as it should."""
TASKS_HELD = 20_000
"""At least, to be measured in pages."""
TRIPS = 2_000
"""How many tasks of a contender that goes to a thread for each are run at least..."""
MOST_TRIPS = 10_000
"""... and at most: of larger responses the time is left out."""
GAPS = 4096
"""KiB by which the process grows first."""
WORKERS = 4
WARM_UP = (3, 10)
"""So many responses of so many tasks come first: what is imported or started then, stays."""

ARGS = (7, "word")


@dataclass(frozen=True)
class Growth:
    """What one process found."""

    kibibytes: float
    """A task."""
    micros: float | None = None
    """A task, to add and to run."""


def main() -> None:
    shape, contender, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if shape == "one":
        found = _grow_by_one(contender, number)
    elif contender == OURS:
        found = _grow_by_many_of_ours(number)
    elif contender == POOL_BY_HAND:
        found = _grow_by_many_of_a_pool(number)
    else:
        from benchmarks.memory_asgi import grow_by_many

        found = asyncio.run(grow_by_many(contender, number))
    print(json.dumps(asdict(found)))


def resident_kibibytes() -> float:
    """Return the resident memory of this process, when garbage is gone."""
    gc.collect()
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return float(line.split()[1])
    raise RuntimeError("/proc/self/smaps_rollup has no line of Rss")


def resident_without_gaps() -> float:
    """Return the same once memory that was freed before is in use: what comes now, is growth."""
    before = resident_kibibytes()
    while resident_kibibytes() < before + GAPS:
        _gap_fillers.append([bytes(64) for _ in range(10_000)])
    return resident_kibibytes()


_gap_fillers: list[list[bytes]] = []


def work(number: int, word: str) -> None:
    """Do nothing, with arguments that are there anyway."""


# One response.


def _grow_by_one(contender: str, tasks: int) -> Growth:
    held = max(1, TASKS_HELD // tasks)
    hold, run = _HOLDERS[contender]() if contender in _HOLDERS else _holder_of_peer(contender)
    run(hold(*WARM_UP))
    before = resident_without_gaps()
    start = perf_counter()
    responses = hold(held, tasks)
    adding = perf_counter() - start
    grown = resident_kibibytes() - before
    to_run = responses
    if contender not in _HOLDERS:
        if tasks > MOST_TRIPS:
            return Growth(grown / (held * tasks))
        to_run = responses[: max(1, TRIPS // tasks)]
    start = perf_counter()
    run(to_run)
    running = perf_counter() - start
    seconds = adding / (held * tasks) + running / (len(to_run) * tasks)
    return Growth(grown / (held * tasks), seconds * 1e6)


Hold = Callable[[int, int], list[Any]]
"""Makes so many responses of so many tasks, which are pending."""
Run = Callable[[list[Any]], object]


def _ours() -> tuple[Hold, Run]:
    count = 0

    def view(tasks: BackgroundTasks) -> None:
        for _ in range(count):
            tasks.add_task(work, *ARGS)

    respond = wsgi_responder(view, max_pending=ROOM)

    def hold(responses: int, tasks: int) -> list[Any]:
        nonlocal count
        count = tasks
        return [respond() for _ in range(responses)]

    def run(responses: list[Any]) -> None:
        for response in responses:
            response.close()
        drain()

    return hold, run


def _by_hand() -> tuple[Hold, Run]:
    def hold(responses: int, tasks: int) -> list[Any]:
        return [fill_list(work, tasks, ARGS) for _ in range(responses)]

    def run(responses: list[Any]) -> None:
        for calls in responses:
            for context, function, args in calls:
                context.run(function, *args)

    return hold, run


def _holder_of_peer(contender: str) -> tuple[Hold, Run]:
    fill = find_peers([contender])[0][contender]

    def hold(responses: int, tasks: int) -> list[Any]:
        return [fill(work, tasks, ARGS) for _ in range(responses)]

    async def await_all(responses: list[Any]) -> None:
        for collection in responses:
            await collection()

    return hold, lambda responses: asyncio.run(await_all(responses))


_HOLDERS: dict[str, Callable[[], tuple[Hold, Run]]] = {OURS: _ours, BY_HAND: _by_hand}


# Many responses.


class Blocking:
    """A task that blocks its thread until it is let go."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.ended = 0
        self._lock = threading.Lock()

    def work(self, number: int, word: str) -> None:
        self.may_end.wait()
        with self._lock:
            self.ended += 1


def _grow_by_many_of_ours(responses: int) -> Growth:
    blocking = Blocking()
    respond = wsgi_responder(
        lambda tasks: tasks.add_task(blocking.work, *ARGS), max_workers=WORKERS, max_pending=ROOM
    )
    growth = _grow_by_many(lambda: respond().close(), responses)
    blocking.may_end.set()
    drain()
    check_all_ran(blocking, responses)
    return growth


def _grow_by_many_of_a_pool(responses: int) -> Growth:
    blocking = Blocking()
    with ThreadPoolExecutor(WORKERS) as pool:
        growth = _grow_by_many(
            lambda: pool.submit(partial(copy_context().run, blocking.work, *ARGS)), responses
        )
        blocking.may_end.set()
    check_all_ran(blocking, responses)
    return growth


def _grow_by_many(respond: Callable[[], object], responses: int) -> Growth:
    for _ in range(2 * WORKERS):
        respond()
    before = resident_without_gaps()
    for _ in range(responses):
        respond()
    return Growth((resident_kibibytes() - before) / responses)


def check_all_ran(blocking: Blocking, responses: int) -> None:
    if blocking.ended != responses + 2 * WORKERS:
        raise RuntimeError(f"{blocking.ended} tasks ran, of {responses + 2 * WORKERS}")


if __name__ == "__main__":
    main()
