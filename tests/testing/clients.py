"""The hosts that users test, each with the client that they do it with: one request to one view."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import httpx
from flask import Flask
from quart import Quart
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bgtasks_adapters import BackgroundTasks, asgi, quart, wsgi
from bgtasks_adapters.flask import init_app, with_background_tasks

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

View = Callable[[], object]
Ask = Callable[[View], object]


def by_flask(view: View) -> None:
    app = Flask(__name__)
    init_app(app)
    app.add_url_rule("/", view_func=_answering(view))
    app.test_client().get("/")


def by_flask_decorator(view: View) -> None:
    @with_background_tasks
    def decorated(tasks: BackgroundTasks) -> str:
        view()
        return "done"

    app = Flask(__name__)
    app.add_url_rule("/", view_func=decorated)
    app.test_client().get("/")


def by_httpx_wsgi(view: View) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        view()
        start_response("200 OK", [])
        yield b"done"

    transport = httpx.WSGITransport(app=wsgi.BackgroundTasksMiddleware(app))
    with httpx.Client(transport=transport, base_url="http://test") as client:
        client.get("/")


def starlette_app(view: View) -> asgi.BackgroundTasksMiddleware:
    async def endpoint(request: Request) -> PlainTextResponse:
        view()
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/", endpoint)])
    return asgi.BackgroundTasksMiddleware(app)


def by_starlette(view: View) -> None:
    TestClient(starlette_app(view), raise_server_exceptions=False).get("/")


def by_starlette_with_lifespan(view: View) -> None:
    with TestClient(starlette_app(view), raise_server_exceptions=False) as client:
        client.get("/")


async def by_httpx_asgi(view: View) -> None:
    transport = httpx.ASGITransport(app=starlette_app(view), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/")


def by_quart(view: View) -> None:
    app = Quart(__name__)
    quart.init_app(app)
    app.add_url_rule("/", view_func=_answering(view))
    asyncio.run(_get(app))


def by_quart_decorator(view: View) -> None:
    @quart.with_background_tasks
    async def decorated(tasks: BackgroundTasks) -> str:
        view()
        return "done"

    app = Quart(__name__)
    app.add_url_rule("/", view_func=decorated)
    asyncio.run(_get(app))


async def _get(app: Quart) -> None:
    await app.test_client().get("/")


SYNC: tuple[Ask, ...] = (
    by_flask,
    by_flask_decorator,
    by_httpx_wsgi,
    by_starlette,
    by_starlette_with_lifespan,
    by_quart,
    by_quart_decorator,
)
ASYNC: tuple[Callable[[View], Awaitable[object]], ...] = (by_httpx_asgi,)


def _answering(view: View) -> Callable[[], str]:
    def answering() -> str:
        view()
        return "done"

    return answering
