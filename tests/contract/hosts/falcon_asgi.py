"""A Falcon application for ASGI."""

from __future__ import annotations

from typing import Any

import aiofiles
import falcon
from falcon.asgi import App, Request, Response

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract import Page
from bgtasks_adapters.exchanges import ASGIApp


class Pages:
    async def on_get(self, req: Request, resp: Response, shape: str) -> None:
        page = Page.parse(req.path, req.query_string)
        await page.abegin()
        if page.shape == "missing":
            raise falcon.HTTPNotFound
        resp.status = str(page.status)
        resp.set_headers(page.headers)
        body = page.abody()
        if page.shape == "file":
            resp.set_stream(await aiofiles.open(page.file, "rb"), page.file.stat().st_size)
        elif isinstance(body, bytes):
            resp.data = body
        else:
            resp.stream = body

    on_head = on_get


class Replace:
    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        if req.path.endswith("/replaced"):
            resp.status = falcon.HTTP_202
            resp.data = b"complete\n"


def make_boundary(settings: dict[str, Any]) -> ASGIApp:
    app = App(middleware=[Replace()])
    app.add_route("/async/{shape}", Pages())
    return BackgroundTasksMiddleware(app, **settings)
