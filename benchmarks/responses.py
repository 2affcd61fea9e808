"""Responses of ours without a server: what the adapters make, called as a server calls it.

All names of the library that are not public are used here, by this one module of the benchmarks.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Unpack
from wsgiref.util import setup_testing_defaults

from bgtasks_adapters import BackgroundTasks, get_background_tasks
from bgtasks_adapters.dispatch import ResponseScope
from bgtasks_adapters.settings import Settings, SettingsKeywords
from bgtasks_adapters.workers import AsyncioLoop
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

View = Callable[[BackgroundTasks], object]
"""Called within a response with the collection of its tasks."""


class OpenResponse:
    """A response that the application has returned and the server has not closed."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body: Any = body

    def close(self) -> None:
        """End it, as a server does when it has sent it."""
        for _ in self._body:
            pass
        self._body.close()


def wsgi_responder(view: View, **settings: Unpack[SettingsKeywords]) -> Callable[[], OpenResponse]:
    """Return a function that has an application behind the WSGI middleware answer a request."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "0")])
        view(get_background_tasks())
        return []

    served = BackgroundTasksMiddleware(application, **settings)

    def respond() -> OpenResponse:
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        return OpenResponse(served(environ, _start_response))

    return respond


def _start_response(*head: Any) -> Callable[[bytes], object]:
    return _write


def _write(data: bytes) -> None:
    raise AssertionError("nobody writes")


class ServerLoop:
    """The running loop as that of a server, on which an ASGI boundary starts async tasks."""

    def __init__(self) -> None:
        self._loop = AsyncioLoop(asyncio.get_running_loop())
        self._settings = Settings()

    def response(self) -> EndingResponse:
        return EndingResponse(ResponseScope(self._settings, loop=self._loop))


class EndingResponse:
    """A response whose tasks were added and that only has to end."""

    def __init__(self, scope: ResponseScope) -> None:
        self._scope = scope
        self.tasks = scope

    def end_and_wait_here(self) -> None:
        """End it and block this thread until the last of its tasks has ended."""
        self._scope.end(status=200)
        is_done = threading.Event()
        self._scope.activity.call_when_none(is_done.set)
        is_done.wait()

    async def end_and_wait(self) -> None:
        """End it and wait on this loop, where its tasks run."""
        self._scope.end(status=200)
        is_done = asyncio.Event()
        self._scope.activity.call_when_none(is_done.set)
        await is_done.wait()


class SteppedResponse:
    """A response whose loop only keeps what it is given, so that each step is seen by itself."""

    _settings = Settings()

    def __init__(self) -> None:
        self._loop = _KeepingLoop()
        self.tasks = ResponseScope(self._settings, loop=self._loop)

    def end(self) -> None:
        """End it; its tasks are given to the loop."""
        self.tasks.end(status=200)

    def run(self) -> None:
        """Run what the loop was given, which is not to wait for anything."""
        try:
            self._loop.kept.pop()().send(None)
        except StopIteration:
            return
        raise AssertionError("a task waits")


class _KeepingLoop:
    def __init__(self) -> None:
        self.kept: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def start(self, function: Callable[[], Coroutine[Any, Any, None]], /) -> None:
        self.kept.append(function)

    def is_running_here(self, asyncio_loop: object) -> bool:
        return True

    def is_alive(self) -> bool:
        return True

    def outlive_the_server(self, seconds: float, /) -> None:
        pass
