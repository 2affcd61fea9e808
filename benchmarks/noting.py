"""A site that also notes when: ``application`` is the one of the module that the environment names.

``/noted`` answers JSON: when the server had written the last response, and when the last task
started, in nanoseconds of the clock that all processes of a machine share. The page itself is not
noted. For ``starting``, which tries contenders one request after the other.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypedDict

from benchmarks.sites import tasks

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SITE_VARIABLE = "BENCHMARKS_SITE"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Notes(TypedDict):
    written: int
    started: int


notes: Notes = {"written": 0, "started": 0}
"""Of this process."""


def wsgi(app: WSGIApplication) -> WSGIApplication:
    """Note when the server closes the body: it has written all of it by then."""

    def noting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/noted":
            body = json.dumps(notes).encode()
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        return _Body(app(environ, start_response))

    return noting


class _Body:
    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        notes["written"] = time.monotonic_ns()
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def asgi(app: Callable[[Message, Receive, Send], Awaitable[None]]) -> object:
    """Note when the server has taken the last part of the body."""

    async def noting(scope: Message, receive: Receive, send: Send) -> None:
        async def noting_send(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                notes["written"] = time.monotonic_ns()

        if scope["type"] != "http":
            await app(scope, receive, send)
        elif scope["path"] != "/noted":
            await app(scope, receive, noting_send)
        else:
            body = json.dumps(notes).encode()
            headers = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return noting


def note_starts() -> None:
    """Let the tasks of all sites that are imported from now on note when they start."""
    work, work_async = tasks.work, tasks.work_async

    @wraps(work)
    def noting(ms: float = 0.0) -> None:
        notes["started"] = time.monotonic_ns()
        work(ms)

    @wraps(work_async)
    async def noting_async(ms: float = 0.0) -> None:
        notes["started"] = time.monotonic_ns()
        await work_async(ms)

    tasks.work, tasks.work_async = noting, noting_async


def make(module: str) -> object:
    from benchmarks.sites.catalogue import SITES

    note_starts()
    application: Any = import_module(module).application
    site = SITES[module.rpartition(".")[2]]
    return wsgi(application) if site.protocol == "wsgi" else asgi(application)


def __getattr__(name: str) -> object:
    # Made when a server asks for it, so that the module can be imported without one.
    if name != "application":
        raise AttributeError(name)
    return globals().setdefault("application", make(os.environ[SITE_VARIABLE]))
