"""A Bottle application, with nothing but the boundary around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bottle import Bottle, HTTPResponse, abort, request, static_file

from bgtasks_adapters.contract import Page
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def view(shape: str) -> Any:
    page = Page.parse(request.path, request.query_string)
    page.begin()
    if page.shape == "missing":
        abort(404)
    if page.shape == "file":
        return static_file(page.file.name, page.file.parent)
    body: Any = page.body()  # typed as if it were text
    return HTTPResponse(body, page.status, page.headers)


def replace(callback: Any) -> Any:
    def replacing(*args: Any, **kwargs: Any) -> Any:
        response = callback(*args, **kwargs)
        is_replaced = request.path.endswith("/replaced")
        return HTTPResponse("complete\n", 202) if is_replaced else response

    return replacing


def make_boundary(settings: dict[str, Any]) -> WSGIApplication:
    app = Bottle()
    app.install(replace)
    app.get("/def/<shape>", callback=view)
    return BackgroundTasksMiddleware(app, **settings)
