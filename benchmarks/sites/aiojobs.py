"""Starlette with a scheduler of aiojobs, which takes coroutines and starts them at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiojobs import Scheduler
from starlette.applications import Starlette
from starlette.requests import Request

from benchmarks.sites.pools import WORKERS
from benchmarks.sites.starlette_pages import routes
from benchmarks.sites.tasks import step_async


async def queue(
    request: Request, function: Callable[..., Coroutine[Any, Any, object]], *args: object
) -> None:
    await request.app.state.scheduler.spawn(function(*args))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with Scheduler(limit=max(100, WORKERS)) as app.state.scheduler:
        yield


application = Starlette(routes=routes(queue, step_async), lifespan=lifespan)
