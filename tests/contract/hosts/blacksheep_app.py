"""A BlackSheep application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from blacksheep import Application, Content, Request, Response, StreamedContent
from blacksheep.exceptions import NotFound
from blacksheep.server.responses import file

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract import Page
from bgtasks_adapters.exchanges import ASGIApp


async def view(request: Request) -> Response:
    page = Page.parse(request.path, (request.url.query or b"").decode())
    await page.abegin()
    if page.shape == "missing":
        raise NotFound
    if page.shape == "file":
        return file(str(page.file), "text/plain")
    body = page.abody()
    content: Content | None
    if isinstance(body, bytes):
        content = Content(b"text/plain", body) if body else None
    else:
        content = StreamedContent(b"text/plain", page.apieces)
    headers = [(name.encode(), value.encode()) for name, value in page.headers.items()]
    return Response(page.status, headers, content)


async def replace(request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await handler(request)
    if request.path.endswith("/replaced"):
        return Response(202, None, Content(b"text/plain", b"complete\n"))
    return response


def make_boundary(settings: dict[str, Any]) -> ASGIApp:
    app = Application()
    app.middlewares.append(replace)
    app.router.add_get("/async/{shape}", view)
    app.router.add_head("/async/{shape}", view)
    return BackgroundTasksMiddleware(app, **settings)
