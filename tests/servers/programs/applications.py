"""The smallest applications that there are, with this library's middleware around them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bgtasks_adapters.asgi import BackgroundTasksMiddleware as AsgiMiddleware
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware as WsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

SHUTDOWN_TIMEOUT = float(os.environ.get("SERVERS_SHUTDOWN_TIMEOUT", "20"))


def _wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])  # no lifespan: as Django has none
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok\n"})


wsgi = WsgiMiddleware(_wsgi, shutdown_timeout=SHUTDOWN_TIMEOUT)
asgi = AsgiMiddleware(_asgi, shutdown_timeout=SHUTDOWN_TIMEOUT)
