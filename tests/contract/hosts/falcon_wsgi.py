"""A Falcon application for WSGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon

from bgtasks_adapters.contract import Page
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


class Pages:
    def on_get(self, req: falcon.Request, resp: falcon.Response, shape: str) -> None:
        page = Page.parse(req.path, req.query_string)
        page.begin()
        if page.shape == "missing":
            raise falcon.HTTPNotFound
        resp.status = str(page.status)
        resp.set_headers(page.headers)
        body = page.body()
        if page.shape == "file":
            resp.set_stream(page.file.open("rb"), page.file.stat().st_size)
        elif isinstance(body, bytes):
            resp.data = body
        else:
            resp.stream = body

    on_head = on_get


class Replace:
    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        if req.path.endswith("/replaced"):
            resp.status = falcon.HTTP_202
            resp.data = b"complete\n"


def make_boundary(settings: dict[str, Any]) -> WSGIApplication:
    app = falcon.App(middleware=[Replace()])
    app.add_route("/def/{shape}", Pages())
    return BackgroundTasksMiddleware(app, **settings)
