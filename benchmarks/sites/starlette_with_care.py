"""Starlette, by hand with the care that a task needs: a middleware that sees the last message.

Tasks see the context variables of the line that queued them, and start behind the whole response,
one after the other, in a task of the loop that the end of the request does not reach. One that
fails is logged, and the others run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.sites.starlette_pages import routes
from benchmarks.sites.tasks import step_async

Queued = tuple[Context, Callable[..., Coroutine[Any, Any, object]], tuple[object, ...]]

queued: ContextVar[list[Queued]] = ContextVar("queued")
started: set[asyncio.Task[None]] = set()


async def queue(
    request: Request, function: Callable[..., Coroutine[Any, Any, object]], *args: object
) -> None:
    queued.get().append((copy_context(), function, args))


async def run(tasks: list[Queued]) -> None:
    loop = asyncio.get_running_loop()
    for context, function, args in tasks:
        try:
            await loop.create_task(function(*args), context=context)
        except Exception:
            logging.exception("A task failed")


class RunBehindResponse:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        tasks: list[Queued] = []
        token = queued.set(tasks)

        async def send_seeing(message: Message) -> None:
            await send(message)
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if is_last and tasks:
                running = asyncio.create_task(run(tasks))
                started.add(running)
                running.add_done_callback(started.discard)

        try:
            await self.app(scope, receive, send_seeing)
        finally:
            queued.reset(token)


application = RunBehindResponse(Starlette(routes=routes(queue, step_async)))
