"""Collections of background tasks, ours and the peers', filled with tasks in the same way.

A peer is imported when it is looked for; one that is not installed is named, with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import copy_context
from typing import Any

from bgtasks_adapters import BackgroundTasks

REFERENCE = "Starlette"
PEERS = (REFERENCE, "FastAPI", "Litestar")

Function = Callable[..., object]
Collection = Callable[[], Awaitable[object]]
"""A collection that holds its tasks, and runs them when it is called and awaited."""

Fill = Callable[[Function, int, tuple[Any, ...]], Collection]
"""Makes a collection and adds so many tasks of a function, with arguments."""


def do_nothing() -> None:
    pass


async def do_nothing_async() -> None:
    pass


KINDS: Mapping[str, Function] = {"def": do_nothing, "async def": do_nothing_async}


def fill_ours(function: Function, count: int, args: tuple[Any, ...]) -> Collection:
    tasks = BackgroundTasks()
    for _ in range(count):
        tasks.add_task(function, *args)
    return tasks


def fill_list(function: Function, count: int, args: tuple[Any, ...]) -> list[Any]:
    """Do what one would by hand: keep each call, and the context of the line."""
    calls: list[Any] = []
    for _ in range(count):
        calls.append((copy_context(), function, args))
    return calls


def find_peers(names: Iterable[str] = PEERS) -> tuple[dict[str, Fill], dict[str, str]]:
    """Return how the peers' collections are filled, and why others cannot be."""
    found: dict[str, Fill] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            found[name] = _FINDERS[name]()
        except ModuleNotFoundError as error:
            missing[name] = f"not installed: {error}"
    return found, missing


def _starlette() -> Fill:
    from starlette.background import BackgroundTasks as StarletteTasks

    return _adding_to(StarletteTasks)


def _fastapi() -> Fill:
    from fastapi import BackgroundTasks as FastAPITasks

    return _adding_to(FastAPITasks)


def _adding_to(new: Callable[[], Any]) -> Fill:
    def fill(function: Function, count: int, args: tuple[Any, ...]) -> Collection:
        tasks: Any = new()
        for _ in range(count):
            tasks.add_task(function, *args)
        return tasks  # type: ignore[no-any-return]

    return fill


def _litestar() -> Fill:
    from litestar.background_tasks import BackgroundTask as LitestarTask
    from litestar.background_tasks import BackgroundTasks as LitestarTasks

    def fill(function: Function, count: int, args: tuple[Any, ...]) -> Collection:
        return LitestarTasks([LitestarTask(function, *args) for _ in range(count)])

    return fill


_FINDERS: dict[str, Callable[[], Fill]] = {
    REFERENCE: _starlette,
    "FastAPI": _fastapi,
    "Litestar": _litestar,
}
