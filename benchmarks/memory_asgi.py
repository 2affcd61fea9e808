"""Many responses of ASGI applications, called without a server, whose tasks are pending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.memory_probe import (
    ARGS,
    OURS_ASGI,
    ROOM,
    WORKERS,
    Blocking,
    Growth,
    check_all_ran,
    resident_kibibytes,
    resident_without_gaps,
)

Application = Callable[[Any, Any, Any], Awaitable[None]]
PASSES = 20
"""Of the loop, after the last response was sent, for what comes behind it."""


async def grow_by_many(contender: str, responses: int) -> Growth:
    """Call the application so many times, each with a task that is blocked or waits."""
    blocking = Blocking()
    calls = _Calls(_MAKERS[contender](blocking))
    await calls.start_lifespan()
    _limit_threads()
    await calls.respond(2 * WORKERS)
    before = resident_without_gaps()
    await calls.respond(responses)
    growth = Growth((resident_kibibytes() - before) / responses)
    blocking.may_end.set()
    await calls.end()
    check_all_ran(blocking, responses)
    return growth


def _limit_threads() -> None:
    """Have anyio start as few threads as ours has workers: each has memory of its own."""
    import anyio.to_thread

    anyio.to_thread.current_default_thread_limiter().total_tokens = WORKERS


class _Calls:
    """Calls of an application, as a server makes them."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._running: set[asyncio.Task[None]] = set()
        self._sent = 0
        self._started = asyncio.Event()
        self._is_ending = asyncio.Event()
        self._lifespan: asyncio.Task[None] | None = None

    async def start_lifespan(self) -> None:
        messages = [{"type": "lifespan.startup"}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await self._is_ending.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: dict[str, Any]) -> None:
            self._started.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._lifespan = asyncio.create_task(_as_coroutine(self._app(scope, receive, send)))
        await self._started.wait()

    async def respond(self, number: int) -> None:
        """Call it so many times and wait until all responses are sent."""
        self._sent = 0
        for _ in range(number):
            call = asyncio.create_task(self._call())
            self._running.add(call)
            call.add_done_callback(self._running.discard)
        while self._sent < number:
            await asyncio.sleep(0)
        for _ in range(PASSES):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Wait for the calls that still run, then end the lifespan, which waits for tasks."""
        await asyncio.gather(*self._running)
        self._is_ending.set()
        assert self._lifespan is not None
        await self._lifespan

    async def _call(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "query_string": b"",
            "headers": [],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": {},
        }
        await self._app(scope, _receive_nothing, self._send)

    async def _send(self, message: dict[str, Any]) -> None:
        is_end = message["type"] == "http.response.body" and not message.get("more_body")
        self._sent += is_end


async def _receive_nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


def _ours(blocking: Blocking) -> Application:
    from bgtasks_adapters import add_task
    from bgtasks_adapters.asgi import BackgroundTasksMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        add_task(blocking.work, *ARGS)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return BackgroundTasksMiddleware(app, max_workers=WORKERS, max_pending=ROOM)


def _starlette(blocking: Blocking) -> Application:
    from starlette.applications import Starlette
    from starlette.background import BackgroundTasks
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def view(request: Request) -> Response:
        tasks = BackgroundTasks()
        tasks.add_task(blocking.work, *ARGS)
        return Response(background=tasks)

    return Starlette(routes=[Route("/", view)])


def _litestar(blocking: Blocking) -> Application:
    from litestar import Litestar, Response, get
    from litestar.background_tasks import BackgroundTask

    @get("/", sync_to_thread=False)
    def view() -> Response[None]:
        return Response(None, background=BackgroundTask(blocking.work, *ARGS))

    app: Any = Litestar([view], signature_namespace={"Response": Response})
    return app  # type: ignore[no-any-return]


_MAKERS: dict[str, Callable[[Blocking], Application]] = {
    OURS_ASGI: _ours,
    "Starlette": _starlette,
    "Litestar": _litestar,
}
