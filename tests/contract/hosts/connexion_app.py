"""A Connexion application, with `def` views (on threads) and `async def` views."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from connexion import AsyncApp, request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response, StreamingResponse

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract import Page
from bgtasks_adapters.exchanges import ASGIApp

from .replacing import Replace


def def_view(shape: str) -> Response:
    page = Page.parse(request.scope["path"], request.scope["query_string"].decode())
    page.begin()
    return respond(page, page.body())


async def async_view(shape: str) -> Response:
    page = Page.parse(request.scope["path"], request.scope["query_string"].decode())
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


def operation(view: str) -> dict[str, Any]:
    return {
        "operationId": f"{__name__}.{view}_view",
        "responses": {"200": {"description": "an answer"}},
        "parameters": [
            {"name": "shape", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
    }


SPECIFICATION = {
    "openapi": "3.0.0",
    "info": {"title": "The pages of the contract", "version": "1"},
    "paths": {
        f"/{view}/{{shape}}": {method: operation(view) for method in ("get", "head")}
        for view in ("def", "async")
    },
}


def make_boundary(settings: dict[str, Any]) -> ASGIApp:
    app = AsyncApp(__name__)
    replace: Any = Replace  # typed as if the class itself were the application
    app.add_middleware(replace)
    app.add_api(SPECIFICATION)
    return BackgroundTasksMiddleware(app, **settings)
