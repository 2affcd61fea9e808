"""An application that is nothing but WSGI; its streams call `start_response` late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

from bgtasks_adapters.contract import Page
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    page = Page.parse(environ["PATH_INFO"], environ["QUERY_STRING"])
    page.begin()
    status = f"{page.status} {HTTPStatus(page.status).phrase}"
    if page.shape == "file":
        start_response(status, [("Content-Length", str(page.file.stat().st_size))])
        wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
        wrapped: Iterable[bytes] = wrapper(page.file.open("rb"))
        return wrapped
    body = page.body()
    if not isinstance(body, bytes):
        return _stream(status, body, start_response)
    headers = list(page.headers.items())
    if body:
        headers.append(("Content-Length", str(len(body))))
    start_response(status, headers)
    return [body] if body and environ["REQUEST_METHOD"] != "HEAD" else []


def _stream(status: str, body: Iterator[bytes], start_response: StartResponse) -> Iterator[bytes]:
    start_response(status, [("Content-Type", "text/plain")])
    yield from body


def make_boundary(settings: dict[str, Any]) -> WSGIApplication:
    return BackgroundTasksMiddleware(answer, **settings)
