"""An application that is nothing but ASGI, without lifespan."""

from __future__ import annotations

from typing import Any

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract import Page
from bgtasks_adapters.exchanges import ASGIApp, Message, Receive, Scope, Send


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(f"no {scope['type']} here")
    page = Page.parse(scope["path"], scope["query_string"].decode())
    await page.abegin()
    body = page.abody()
    headers = [(name.encode(), value.encode()) for name, value in page.headers.items()]
    if not isinstance(body, bytes):
        await send(_start(page, [*headers, (b"content-type", b"text/plain")]))
        async for piece in body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    await send(_start(page, headers))
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})


def _start(page: Page, headers: list[tuple[bytes, bytes]]) -> Message:
    return {"type": "http.response.start", "status": page.status, "headers": headers}


def make_boundary(settings: dict[str, Any]) -> ASGIApp:
    return BackgroundTasksMiddleware(answer, **settings)
