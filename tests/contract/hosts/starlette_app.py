"""A Starlette application, with `def` views (on Starlette's threads) and `async def` views."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from bgtasks_adapters.asgi import BackgroundTasksMiddleware

from .announce import announce, announce_async
from .ending import HeldAsgiEnd
from .pages import BODY, FILE, Page, PageError, async_body, body, parse
from .queues import fill
from .settings import SETTINGS


def def_view(request: Request) -> Response:
    page = parse(request.url.path, request.url.query)
    fill(page.queue, page.visit)
    if page.shape == "waiting":
        announce(page.visit, "view", "started", hold=True)
    if page.is_streamed:
        return StreamingResponse(body(page))
    return respond(page)


async def async_view(request: Request) -> Response:
    page = parse(request.url.path, request.url.query)
    fill(page.queue, page.visit)
    if page.shape == "waiting":
        await announce_async(page.visit, "view", "started", hold=True)
    if page.is_streamed:
        return StreamingResponse(async_body(page))
    return respond(page)


def respond(page: Page) -> Response:
    match page.shape:
        case "error":
            raise PageError(page.visit)
        case "missing":
            raise HTTPException(404)
        case "file":
            return FileResponse(FILE)
        case "empty" | "unchanged":
            return Response(status_code=page.status)
    return Response(BODY, page.status, {"Location": "/"})


site = Starlette(routes=[Route("/def/{shape}", def_view), Route("/async/{shape}", async_view)])
application = HeldAsgiEnd(BackgroundTasksMiddleware(site, **SETTINGS))
