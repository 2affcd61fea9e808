"""A Sanic application, in its ASGI mode."""

from __future__ import annotations

from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import BaseHTTPResponse, file

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract import Page
from bgtasks_adapters.exchanges import ASGIApp


async def view(request: Request, shape: str) -> HTTPResponse | None:
    page = Page.parse(request.path, request.query_string)
    await page.abegin()
    if page.shape == "missing":
        raise NotFound
    if page.shape == "file":
        return await file(page.file)
    body = page.abody()
    if isinstance(body, bytes):
        headers = dict(page.headers)
        if body:  # in this mode Sanic leaves the framing to the server
            headers["Content-Length"] = str(len(body))
        return HTTPResponse(body, page.status, headers)
    response: Any = await request.respond(content_type="text/plain")
    async for piece in body:
        await response.send(piece)
    await response.eof()
    return None


async def replace(request: Request, response: BaseHTTPResponse) -> HTTPResponse | None:
    is_replaced = request.path.endswith("/replaced")
    return HTTPResponse(b"complete\n", 202) if is_replaced else None


def make_boundary(settings: dict[str, Any]) -> ASGIApp:
    app = Sanic("Contract")
    app.add_route(view, "/async/<shape>", methods=["GET", "HEAD"])
    app.register_middleware(replace, "response")
    return BackgroundTasksMiddleware(app, **settings)
