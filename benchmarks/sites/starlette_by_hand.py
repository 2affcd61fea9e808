"""Starlette, with the least that one writes by hand, which starts tasks before the response.

Coroutines are kept in a set, as the documentation of ``asyncio.create_task`` asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import iscoroutinefunction

from starlette.applications import Starlette
from starlette.requests import Request

from benchmarks.sites.pools import pool
from benchmarks.sites.starlette_pages import routes
from benchmarks.sites.tasks import step_async

started: set[asyncio.Task[object]] = set()


async def queue(request: Request, function: Callable[..., object], *args: object) -> None:
    if iscoroutinefunction(function):
        task = asyncio.create_task(function(*args))
        started.add(task)
        task.add_done_callback(started.discard)
    else:
        pool.submit(function, *args)


application = Starlette(routes=routes(queue, step_async))
