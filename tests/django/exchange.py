"""One request to an application, in this process: what a server does, and a client that leaves.

Nothing here knows of Django. A WSGI server closes early when its client has left; an ASGI server
says so through ``receive()``, or ``send()`` raises (both are in use).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal
from wsgiref.handlers import SimpleHandler
from wsgiref.types import WSGIApplication
from wsgiref.util import setup_testing_defaults

from bgtasks_adapters import drain

PATIENCE = 10.0

Leaving = Literal["never", "in view", "before body", "in body", "after body"]


@dataclass
class Reply:
    """As much of a response as the client got."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def ask_wsgi(
    app: WSGIApplication,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    leaving: Leaving = "never",
) -> Reply:
    """Make one request as a WSGI server does, which calls ``close()`` whatever happens."""
    environ = _environ(path, method, headers)
    reply = Reply()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        reply.status = int(status[:3])
        reply.headers = {name.lower(): value for name, value in headers}
        return None

    body: Any = app(environ, start_response)
    try:
        if leaving == "before body" or method == "HEAD":
            return reply
        for piece in body:
            reply.body += piece
            if leaving == "in body":
                return reply
    finally:
        if hasattr(body, "close"):
            body.close()
    return reply


def ask_wsgiref(app: WSGIApplication, path: str) -> bytes:
    """Make one request through the standard library's own server, with its file wrapper."""
    output = io.BytesIO()
    handler = SimpleHandler(io.BytesIO(), output, io.StringIO(), _environ(path, "GET", None))
    handler.run(app)
    return output.getvalue()


def _environ(path: str, method: str, headers: dict[str, str] | None) -> dict[str, Any]:
    environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": method}
    for name, value in (headers or {}).items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    setup_testing_defaults(environ)
    return environ


class AsgiClient:
    """A client of an ASGI server, with both of the server's ends: ``receive`` and ``send``."""

    def __init__(self, leaving: Leaving, told_by: Literal["receive", "send"]) -> None:
        self.reply = Reply()
        self.left = asyncio.Event()
        self._leaving = leaving
        self._told_by = told_by
        self._has_asked = False

    async def receive(self) -> MutableMapping[str, Any]:
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        is_start = message["type"] == "http.response.start"
        if self._leaving == ("before body" if is_start else "in body"):
            await self._leave()
        if is_start:
            self.reply.status = message["status"]
            self.reply.headers = {
                name.decode().lower(): value.decode() for name, value in message["headers"]
            }
            return
        self.reply.body += message.get("body", b"")
        if not message.get("more_body", False) and self._leaving == "after body":
            self.left.set()

    async def _leave(self) -> None:
        self.left.set()
        if self._told_by == "send":
            raise OSError("the client has left")
        await asyncio.Event().wait()  # as a server that cannot get rid of what it has


async def ask_asgi_here(
    app: Any,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    leaving: Leaving = "never",
    told_by: Literal["receive", "send"] = "receive",
    wait_for_view: Callable[[], object] | None = None,
) -> Reply:
    """Make one request as an ASGI server does; its client leaves when it is told to."""
    client = AsgiClient(leaving, told_by)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 50000),
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in (headers or {}).items()
        ],
    }
    async with asyncio.timeout(PATIENCE):
        serving = asyncio.create_task(_serve(app, scope, client))
        if leaving == "in view":
            assert wait_for_view is not None
            await asyncio.to_thread(wait_for_view)
            client.left.set()
        await serving
    return client.reply


async def _serve(app: Any, scope: dict[str, Any], client: AsgiClient) -> None:
    try:
        await app(scope, client.receive, client.send)
    except OSError:
        # What a server sees of its own error.
        assert client.left.is_set()


def ask_asgi(app: Any, path: str, **how: Any) -> Reply:
    """Make one request on a loop of its own, which goes on until what it started has ended."""

    async def ask() -> Reply:
        reply = await ask_asgi_here(app, path, **how)
        await asyncio.to_thread(drain, PATIENCE)
        return reply

    return asyncio.run(ask())
