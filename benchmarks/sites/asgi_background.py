"""Starlette with asgi-background, which takes coroutine functions only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgi_background import BackgroundTaskMiddleware, BackgroundTasks
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request

from benchmarks.sites.starlette_pages import routes
from benchmarks.sites.tasks import step_async


async def queue(request: Request, function: Callable[..., Any], *args: object) -> None:
    await BackgroundTasks(request.scope).add_task(function, *args)


application = Starlette(
    routes=routes(queue, step_async), middleware=[Middleware(BackgroundTaskMiddleware)]
)
