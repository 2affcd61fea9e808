"""An ASGI server for one request, on the test's own loop; and the driver of a lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.exchanges import ASGIApp, Message, Receive, Scope, Send

PATIENCE = 10.0
"""How long anything that must happen may take, in seconds."""


class AsgiExchange:
    """One connection to an application: what it was sent, and what it sends."""

    def __init__(self, app: ASGIApp, type: str = "http", **scope: Any) -> None:
        self.app = app
        self.scope: Scope = {
            "type": type,
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "query_string": b"",
            "headers": [],
            **scope,
        }
        self.sent: list[Message] = []
        self.to_receive: list[Message] = [{"type": "http.request", "body": b""}]
        self.before_send: Callable[[Message], object] = lambda message: None

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.sent]

    async def receive(self) -> Message:
        if self.to_receive:
            return self.to_receive.pop(0)
        await anyio.sleep_forever()
        raise AssertionError("nobody wakes what sleeps for ever")

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        self.before_send(message)
        self.sent.append(message)

    async def run(self) -> AsgiExchange:
        """Serve the connection; without a lifespan it ends when its tasks have ended."""
        with anyio.fail_after(PATIENCE):
            await self.app(self.scope, self.receive, self.send)
        return self


async def answer(send: Send, status: int = 200, body: bytes = b"hello") -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


def app_of(view: Callable[[], object], status: int = 200) -> ASGIApp:
    """Return an application that calls ``view`` and answers in one piece."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        view()
        await answer(send, status)

    return app


def bounded(app: ASGIApp, **settings: Any) -> BackgroundTasksMiddleware:
    """Put the boundary around an application, without touching the test process's signals."""
    settings.setdefault("handle_sigterm", False)
    return BackgroundTasksMiddleware(app, **settings)


async def respond(view: Callable[[], object], status: int = 200, **settings: Any) -> AsgiExchange:
    """Serve one request whose view is ``view``, to the end of its tasks."""
    return await AsgiExchange(bounded(app_of(view, status), **settings)).run()


class Lifespan:
    """The lifespan of an application, as a server drives it."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.error: Exception | None = None
        self._to_app, self._from_server = anyio.create_memory_object_stream[Message](2)
        self._answers, self._from_app = anyio.create_memory_object_stream[Message](2)
        self.has_ended = anyio.Event()

    async def start_up(self) -> None:
        await self._ask("lifespan.startup")

    async def shut_down(self) -> None:
        await self._ask("lifespan.shutdown")

    async def _ask(self, event: str) -> None:
        with anyio.fail_after(PATIENCE):
            await self._to_app.send({"type": event})
            answer = await self._from_app.receive()
        self.sent.append(answer["type"])

    async def run(self, app: ASGIApp) -> None:
        try:
            await app({"type": "lifespan", "state": {}}, self._from_server.receive, self.send)
        except Exception as error:
            self.error = error
        finally:
            self.has_ended.set()

    async def send(self, message: Message) -> None:
        await self._answers.send(message)

    def close(self) -> None:
        for stream in (self._to_app, self._from_server, self._answers, self._from_app):
            stream.close()


@asynccontextmanager
async def lifespan_of(app: ASGIApp) -> AsyncIterator[Lifespan]:
    """Run an application's lifespan beside the block; cancel what is left of it at the end."""
    lifespan = Lifespan()
    async with anyio.create_task_group() as group:
        group.start_soon(lifespan.run, app)
        yield lifespan
        group.cancel_scope.cancel()
    lifespan.close()
