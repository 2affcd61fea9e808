"""Starlette with bgtasks_adapters."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request

from benchmarks.sites.pools import WORKERS
from benchmarks.sites.starlette_pages import routes
from benchmarks.sites.tasks import step
from bgtasks_adapters import add_task
from bgtasks_adapters.asgi import BackgroundTasksMiddleware


async def queue(request: Request, function: Callable[..., object], *args: object) -> None:
    add_task(function, *args)


application = BackgroundTasksMiddleware(Starlette(routes=routes(queue, step)), max_workers=WORKERS)
