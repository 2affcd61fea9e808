"""A Starlette application, with `def` views (on Starlette's threads) and `async def` views."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract import Page
from bgtasks_adapters.exchanges import ASGIApp


def def_view(request: Request) -> Response:
    page = Page.parse(request.url.path, request.url.query)
    page.begin()
    return respond(page, page.body())


async def async_view(request: Request) -> Response:
    page = Page.parse(request.url.path, request.url.query)
    await page.abegin()
    return respond(page, page.abody())


def respond(page: Page, body: bytes | Iterator[bytes] | AsyncIterator[bytes]) -> Response:
    if page.shape == "missing":
        raise HTTPException(404)
    if page.shape == "file":
        return FileResponse(page.file)
    if isinstance(body, bytes):
        return Response(body, page.status, page.headers)
    return StreamingResponse(body, page.status, page.headers)


def make_boundary(settings: dict[str, Any]) -> ASGIApp:
    routes = [Route("/def/{shape}", def_view), Route("/async/{shape}", async_view)]
    return BackgroundTasksMiddleware(Starlette(routes=routes), **settings)
