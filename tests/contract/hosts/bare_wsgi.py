"""An application that is nothing but WSGI; its streams call `start_response` late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from wsgiref.util import FileWrapper

from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

from .announce import announce, announce_end_of_main_thread
from .ending import HeldWsgiEnd
from .pages import BODY, FILE, REASONS, Page, PageError, body, parse
from .queues import fill
from .settings import SETTINGS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    page = parse(environ["PATH_INFO"], environ["QUERY_STRING"])
    fill(page.queue, page.visit)
    status = f"{page.status} {REASONS[page.status]}"
    match page.shape:
        case "error":
            raise PageError(page.visit)
        case _ if page.is_streamed:
            return _stream(page, start_response)
        case "file":
            start_response(status, [("Content-Length", str(FILE.stat().st_size))])
            wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
            wrapped: Iterable[bytes] = wrapper(FILE.open("rb"))
            return wrapped
        case "empty" | "unchanged":
            start_response(status, [])
            return []
        case "waiting":
            announce(page.visit, "view", "started", hold=True)
    start_response(status, [("Content-Length", str(len(BODY))), ("Location", "/")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [BODY]


def _stream(page: Page, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield from body(page)


boundary = BackgroundTasksMiddleware(answer, **SETTINGS)
application = HeldWsgiEnd(boundary)
announce_end_of_main_thread()
