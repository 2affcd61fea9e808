"""A Litestar application, with `def` views (on threads) and `async def` views."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from litestar import HttpMethod, Litestar, Request, Response, route
from litestar.exceptions import NotFoundException
from litestar.response import File, Stream

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract import Page
from bgtasks_adapters.exchanges import ASGIApp

from .replacing import Replace

METHODS = [HttpMethod.GET, HttpMethod.HEAD]


@route("/def/{shape:str}", http_method=METHODS, sync_to_thread=True)
def def_view(request: Request[Any, Any, Any]) -> Response[Any]:
    page = Page.parse(request.url.path, request.url.query)
    page.begin()
    return respond(page, page.body())


@route("/async/{shape:str}", http_method=METHODS)
async def async_view(request: Request[Any, Any, Any]) -> Response[Any]:
    page = Page.parse(request.url.path, request.url.query)
    await page.abegin()
    return respond(page, page.abody())


def respond(page: Page, body: bytes | Iterator[bytes] | AsyncIterator[bytes]) -> Response[Any]:
    if page.shape == "missing":
        raise NotFoundException
    if page.shape == "file":
        return File(page.file)
    if isinstance(body, bytes):
        content = body or None
        return Response(content, status_code=page.status, headers=page.headers)
    return Stream(body, status_code=page.status, headers=page.headers)


def make_boundary(settings: dict[str, Any]) -> ASGIApp:
    app = Litestar([def_view, async_view], middleware=[Replace])
    return BackgroundTasksMiddleware(app, **settings)
