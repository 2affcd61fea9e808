"""A Pyramid application; a tween of its own makes 304s, another answers in a view's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from pyramid.response import FileResponse, Response

from bgtasks_adapters.contract import Page
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

Handler = Callable[[Request], Response]


def view(request: Request) -> Response:
    page = Page.parse(request.path, request.query_string)
    page.begin()
    if page.shape == "missing":
        raise HTTPNotFound
    if page.shape == "file":
        return FileResponse(str(page.file), request)
    body = page.body()
    headers = list(page.headers.items())
    if isinstance(body, bytes):
        response = Response(body, page.status)
    else:
        response = Response(app_iter=body, status=page.status)
    response.headers.extend(headers)
    return response


def replace(handler: Handler, registry: object) -> Handler:
    def tween(request: Request) -> Response:
        response = handler(request)
        is_replaced = request.path.endswith("/replaced")
        return Response(b"complete\n", 202) if is_replaced else response

    return tween


def answer_conditionally(handler: Handler, registry: object) -> Handler:
    def tween(request: Request) -> Response:
        response = handler(request)
        if request.path.endswith("/length"):
            response.md5_etag()
            response.conditional_response = True
        return response

    return tween


def make_boundary(settings: dict[str, Any]) -> WSGIApplication:
    with Configurator() as config:
        for tween in (replace, answer_conditionally):
            config.add_tween(f"{__name__}.{tween.__name__}")
        config.add_route("page", "/def/{shape}")
        config.add_view(view, route_name="page")
        app = config.make_wsgi_app()
    return BackgroundTasksMiddleware(app, **settings)
