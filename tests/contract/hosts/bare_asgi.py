"""An application that is nothing but ASGI, without lifespan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgtasks_adapters.asgi import BackgroundTasksMiddleware

from .announce import announce_async
from .ending import HeldAsgiEnd
from .pages import BODY, Page, PageError, async_body, parse
from .queues import fill
from .settings import SETTINGS

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(f"no {scope['type']} here")
    page = parse(scope["path"], scope["query_string"].decode())
    fill(page.queue, page.visit)
    match page.shape:
        case "error":
            raise PageError(page.visit)
        case _ if page.is_streamed:
            await _send_stream(page, send)
            return
        case "waiting":
            await announce_async(page.visit, "view", "started", hold=True)
    has_body = page.shape not in ("empty", "unchanged")
    length = [(b"content-length", str(len(BODY)).encode()), (b"location", b"/")]
    await send(_start(page, length if has_body else []))
    is_sent = has_body and scope["method"] != "HEAD"
    await send({"type": "http.response.body", "body": BODY if is_sent else b""})


async def _send_stream(page: Page, send: Send) -> None:
    await send(_start(page, [(b"content-type", b"text/plain")]))
    async for piece in async_body(page):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _start(page: Page, headers: list[tuple[bytes, bytes]]) -> Message:
    return {"type": "http.response.start", "status": page.status, "headers": headers}


application = HeldAsgiEnd(BackgroundTasksMiddleware(answer, **SETTINGS))
