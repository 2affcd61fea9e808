"""The bare ASGI callable with the boundary of bgtasks_adapters around it."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.sites.asgi_pages import Pages
from benchmarks.sites.pools import WORKERS
from bgtasks_adapters import add_task
from bgtasks_adapters.asgi import BackgroundTasksMiddleware


async def queue(function: Callable[..., object], *args: object) -> None:
    add_task(function, *args)


application = BackgroundTasksMiddleware(Pages(queue), max_workers=WORKERS)
