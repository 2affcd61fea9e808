"""Driving ASGI applications in this process, as a server does, without one."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import Any

from benchmarks.losses import PATIENCE, Losses
from benchmarks.sites.tasks import runs

Message = dict[str, Any]


class _Exchange:
    """One request in memory: ``receive`` and ``send`` as a server gives them."""

    def __init__(self, pause: float = 0.0) -> None:
        self.content = b""
        self.is_complete = False
        self._pause = pause
        self._is_asked = False
        self._over: asyncio.Future[None] | None = None

    async def receive(self) -> Message:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.is_complete:
            self._over = asyncio.get_running_loop().create_future()
            await self._over
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] != 200:
                raise AssertionError(f"The site answers {message['status']}")
            if self._pause:
                await asyncio.sleep(self._pause)
        elif message["type"] == "http.response.body":
            self.content += message.get("body", b"")
            if not message.get("more_body", False):
                self.is_complete = runs.is_response_complete = True
                if self._over is not None and not self._over.done():
                    self._over.set_result(None)


async def get_asgi(application: Any, path: str, *, pause: float = 0.0) -> bytes:
    """Make one request as an ASGI server does, in a task of its own; return the body.

    With a pause behind the response's head, what starts too early is seen.
    """
    runs.is_response_complete = False
    exchange = _Exchange(pause)
    await asyncio.create_task(application(_scope(path), exchange.receive, exchange.send))
    if not exchange.is_complete:
        raise AssertionError("The site did not complete its response")
    return exchange.content


async def time_asgi(
    application: Any, path: str, requests: int, tasks: int, losses: Losses
) -> float:
    """Return microseconds a request of so many, each of which queues ``tasks``."""
    before = runs.ran
    expected = requests * tasks
    started = perf_counter()
    for _ in range(requests):
        await get_asgi(application, path)
    if expected:
        await wait_for_tasks(before, expected, losses)
    return (perf_counter() - started) / requests * 1e6


async def wait_for_tasks(before: int, expected: int, losses: Losses) -> None:
    have_ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    runs.call_at(before + expected, partial(loop.call_soon_threadsafe, have_ended.set))
    try:
        async with asyncio.timeout(losses.patience):
            await have_ended.wait()
    except TimeoutError:
        pass  # said by the losses
    losses.note(before + expected - runs.ran, expected)


class Lifespan:
    """The lifespan of an application, which a server runs around all requests; none is allowed."""

    def __init__(self, application: Any) -> None:
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._application = application
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())
        await self._say("startup")

    async def end(self) -> None:
        if self._running is not None:
            await self._say("shutdown")
            await self._running

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await self._application(scope, self._inbox.get, self._outbox.put)
        except Exception as error:  # the specification: the application has no lifespan
            await self._outbox.put({"type": "lifespan.unsupported", "error": error})

    async def _say(self, what: str) -> None:
        if self._running is None or self._running.done():
            return
        await self._inbox.put({"type": f"lifespan.{what}"})
        answer = await asyncio.wait_for(self._outbox.get(), PATIENCE)
        if answer["type"].endswith(".failed"):
            raise RuntimeError(f"The application's {what} failed: {answer.get('message')}")


def _scope(path: str) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
