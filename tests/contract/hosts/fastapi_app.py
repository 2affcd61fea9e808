"""A FastAPI application, with `def` views (on Starlette's threads) and `async def` views."""

# No `from __future__ import annotations`: FastAPI looks strings up in the module's names only.

from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract import Page
from bgtasks_adapters.fastapi import BackgroundTasksDep


def make_site(settings: dict[str, Any]) -> FastAPI:
    site = FastAPI()
    site.add_middleware(BackgroundTasksMiddleware, **settings)
    site.api_route("/def/{shape}", methods=["GET", "HEAD"])(def_view)
    site.api_route("/async/{shape}", methods=["GET", "HEAD"])(async_view)
    return site


def def_view(request: Request, tasks: BackgroundTasksDep) -> Response:
    page = Page.parse(request.url.path, request.url.query)
    page.begin()
    return respond(page, page.body())


async def async_view(request: Request, tasks: BackgroundTasksDep) -> Response:
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
