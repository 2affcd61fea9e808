"""What is compared: pairs of functions that each time the same work, Starlette's way and ours.

A measure builds its collections first and times only the work. The functions that run as tasks do
nothing, so that what is left is the cost of running them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from starlette.background import BackgroundTasks as StarletteTasks

from bgtasks_adapters import BackgroundTasks
from bgtasks_adapters.ambient import use_tasks
from bgtasks_adapters.dispatch import ResponseScope
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.workers import AsyncioLoop

Function = Callable[[], object]
Measure = Callable[[int, int], Awaitable[float]]
"""Takes the number of tasks in a collection and of collections; returns seconds per task."""


@dataclass(frozen=True)
class Comparison:
    """Two measures of the same work, and the ratio that ours is to reach."""

    name: str
    count: int
    starlette: Measure
    ours: Measure
    reach: float | None = None


def do_nothing() -> None:
    pass


async def do_nothing_async() -> None:
    pass


def all_comparisons(loop: AsyncioLoop) -> list[Comparison]:
    """Return the comparisons in the order of the table; ``loop`` stands for the server's."""
    settings = Settings()

    def server_scope() -> ResponseScope:
        return ResponseScope(settings, loop=loop)

    found: list[Comparison] = []
    for kind, function in (("def", do_nothing), ("async def", do_nothing_async)):
        starlette = partial(_add, function, StarletteTasks)
        plain = partial(_add, function, BackgroundTasks)
        of_response = partial(_add_to_response, function, server_scope)
        found += [
            Comparison(f"`add_task({kind})`", 100, starlette, plain, reach=1),
            Comparison(f"`add_task({kind})` in a response", 100, starlette, of_response, reach=1),
        ]
    for kind, function in (("def", do_nothing), ("async def", do_nothing_async)):
        starlette = partial(_await, function, StarletteTasks)
        awaited = partial(_await, function, BackgroundTasks)
        dispatched = partial(_dispatch, function, server_scope)
        for count in (1, 10, 100):
            reach = 1 / 50 if kind == "def" and count == 100 else None
            found += [
                Comparison(f"{kind}: `await tasks()`", count, starlette, awaited, reach),
                Comparison(f"{kind}: after a response", count, starlette, dispatched, reach),
            ]
    return found


async def _add(
    function: Function,
    new: Callable[[], StarletteTasks | BackgroundTasks],
    count: int,
    repeats: int,
) -> float:
    collections = [new() for _ in range(repeats)]
    return _time_adding(function, collections, count)


async def _add_to_response(
    function: Function, new: Callable[[], ResponseScope], count: int, repeats: int
) -> float:
    seconds = 0.0
    for _ in range(repeats):
        scope = new()
        with use_tasks(scope.tasks):  # as every adapter does around a view
            seconds += _time_adding(function, [scope.tasks], count)
        scope.end(status=200)
        await scope.activity.wait()
    return seconds / repeats


def _time_adding(
    function: Function, collections: Sequence[StarletteTasks | BackgroundTasks], count: int
) -> float:
    start = perf_counter()
    for collection in collections:
        for _ in range(count):
            collection.add_task(function)
    return (perf_counter() - start) / (count * len(collections))


async def _await(
    function: Function,
    new: Callable[[], StarletteTasks | BackgroundTasks],
    count: int,
    repeats: int,
) -> float:
    collections = [new() for _ in range(repeats)]
    for collection in collections:
        for _ in range(count):
            collection.add_task(function)
    start = perf_counter()
    for collection in collections:
        await collection()
    return (perf_counter() - start) / (count * repeats)


async def _dispatch(
    function: Function, new: Callable[[], ResponseScope], count: int, repeats: int
) -> float:
    """Time from the end of a response to the end of its last task, as an adapter runs them."""
    scopes = [new() for _ in range(repeats)]
    for scope in scopes:
        for _ in range(count):
            scope.tasks.add_task(function)
    is_async = scopes[0].tasks.tasks[0].is_async
    start = perf_counter()
    for scope in scopes:
        scope.end(status=200)
        if is_async:
            on_loop = asyncio.Event()
            scope.activity.call_when_none(on_loop.set)
            await on_loop.wait()
        else:
            on_thread = threading.Event()
            scope.activity.call_when_none(on_thread.set)
            on_thread.wait()
    return (perf_counter() - start) / (count * repeats)
