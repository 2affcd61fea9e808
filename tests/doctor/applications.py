"""Applications that are not as the doctor wants them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def bare(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """No middleware at all."""
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]


inline = BackgroundTasksMiddleware(bare, executor="inline")
"""Tasks run within the request, so that clients of HTTP/1.0 are held."""


def never_closing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Something outside of the middleware that forgets `close()`."""
    body = _wrapped(environ, start_response)
    _KEPT.append(body)
    return list(body)


_wrapped = BackgroundTasksMiddleware(bare)
_KEPT: list[Iterable[bytes]] = []
"""Bodies that somebody keeps, so that no garbage collection ends them."""
