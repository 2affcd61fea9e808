"""``python -m benchmarks.running``: what a task that does nothing costs to run."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from benchmarks.responses import EndingResponse, ServerLoop
from benchmarks.results import OURS, Point, Reach, Result, compare
from benchmarks.section_program import Effort, parse_effort, print_results
from benchmarks.task_collections import (
    KINDS,
    REFERENCE,
    Collection,
    Fill,
    Function,
    do_nothing,
    do_nothing_async,
    fill_ours,
    find_peers,
)
from benchmarks.turns import by_turns_async

COUNTS = (1, 10, 100)
TASKS_A_TURN = {"def": 100, "async def": 1000}
TRIPS_A_TURN = {1: 100, 10: 50, 100: 20}
"""Of ours, by the number of ``def`` tasks in one: as long a turn as the others' has 100 trips."""
WORKERS = 4
AFTER_RESPONSE = "after a response"

AWAITED_REACHES = {
    ("def", 1): 1.05,
    ("def", 10): 1 / 8,
    ("def", 100): 1 / 50,
    ("async def", 100): 1.2,
}
RUNNER_REACHES = {
    ("def", 1): 1.0,
    ("def", 10): 1 / 12,
    ("def", 100): 1 / 80,
    ("async def", 100): 3.0,
}

Measure = Callable[[], Awaitable[float]]


def main() -> None:
    print_results(asyncio.run(_measure_all(parse_effort(__doc__))))


async def _measure_all(effort: Effort) -> list[Result]:
    gc.freeze()  # what was imported needs no look between the turns
    rounds = effort.rounds_of(full=50, quick=4)
    with ThreadPoolExecutor(WORKERS) as pool:
        return [
            result
            for kind, function in KINDS.items()
            for count in COUNTS
            for result in await _measure(kind, function, count, rounds, pool)
        ]


async def _measure(
    kind: str, function: Function, count: int, rounds: int, pool: ThreadPoolExecutor
) -> list[Result]:
    peers, remarks = find_peers()
    repeats = TASKS_A_TURN[kind] // count
    ours = TRIPS_A_TURN[count] if kind == "def" else repeats
    measures = {name: _awaiting(fill, function, count, repeats) for name, fill in peers.items()}
    measures[OURS] = _awaiting(fill_ours, function, count, ours)
    by_hand = _on_threads(pool) if kind == "def" else _on_loop()
    for name, run in by_hand.items():
        measures[f"{name}, by hand"] = _by_hand(run, count, repeats)
    measures[AFTER_RESPONSE] = _ending(function, count, ours, is_async=kind != "def")
    taken = await by_turns_async(measures, rounds)
    taken.update({name: [] for name in remarks})
    return list(_results(kind, count, taken, remarks))


def _results(
    kind: str, count: int, taken: dict[str, list[float]], remarks: Mapping[str, str]
) -> Iterator[Result]:
    runner = taken.pop(AFTER_RESPONSE)
    of_ways = (
        ("`await tasks()`", taken[OURS], AWAITED_REACHES),
        (AFTER_RESPONSE, runner, RUNNER_REACHES),
    )
    for way, ours, reaches in of_ways:
        limit = reaches.get((kind, count))
        yield compare(
            f"`{kind}`, {way}, {count} {'task' if count == 1 else 'tasks'}",
            "µs a task",
            {**taken, OURS: ours},
            reference=REFERENCE,
            reach=None if limit is None else Reach(limit),
            remarks=remarks,
            point=Point(f"`{kind}`, {way}", "tasks in the collection", count, "µs a task"),
        )


def _awaiting(fill: Fill, function: Function, count: int, repeats: int) -> Measure:
    async def measure() -> float:
        collections: Sequence[Collection] = [fill(function, count, ()) for _ in range(repeats)]
        start = perf_counter()
        for collection in collections:
            await collection()
        return _micros_a_task(start, count, repeats)

    return measure


def _ending(function: Function, count: int, repeats: int, *, is_async: bool) -> Measure:
    loop = ServerLoop()

    def response_with_tasks() -> EndingResponse:
        response = loop.response()
        for _ in range(count):
            response.tasks.add_task(function)
        return response

    async def measure() -> float:
        responses = [response_with_tasks() for _ in range(repeats)]
        start = perf_counter()
        for response in responses:
            if is_async:
                await response.end_and_wait()
            else:
                response.end_and_wait_here()
        return _micros_a_task(start, count, repeats)

    return measure


def _by_hand(run: Callable[[int], Awaitable[object]], count: int, repeats: int) -> Measure:
    async def measure() -> float:
        start = perf_counter()
        for _ in range(repeats):
            await run(count)
        return _micros_a_task(start, count, repeats)

    return measure


def _micros_a_task(start: float, count: int, repeats: int) -> float:
    return (perf_counter() - start) / (count * repeats) * 1e6


def _on_threads(pool: ThreadPoolExecutor) -> dict[str, Callable[[int], Awaitable[object]]]:
    async def submit(count: int) -> None:
        for future in [pool.submit(do_nothing) for _ in range(count)]:
            future.result()

    async def start_threads(count: int) -> None:
        threads = [threading.Thread(target=do_nothing) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    async def to_thread(count: int) -> None:
        for _ in range(count):
            await asyncio.to_thread(do_nothing)

    return {
        "ThreadPoolExecutor.submit": submit,
        "threading.Thread": start_threads,
        "asyncio.to_thread": to_thread,
    }


def _on_loop() -> dict[str, Callable[[int], Awaitable[object]]]:
    async def create_tasks(count: int) -> Any:
        await asyncio.gather(*[asyncio.create_task(do_nothing_async()) for _ in range(count)])

    return {"asyncio.create_task": create_tasks}


if __name__ == "__main__":
    main()
