"""A Quart application, with `def` views (on Quart's threads) and `async def` views."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Quart, Response, abort, request, send_file
from quart.wrappers.response import FileBody

from bgtasks_adapters.contract import Page
from bgtasks_adapters.quart import init_app

pages = Blueprint("pages", __name__)


@pages.route("/def/<shape>")
def def_view(shape: str) -> Response:
    page = Page.parse(request.path, request.query_string.decode())
    page.begin()
    if page.shape == "missing":
        abort(404)
    if page.shape == "file":
        return Response(FileBody(page.file))  # send_file has to be awaited
    return Response(page.body(), page.status, page.headers)


@pages.route("/async/<shape>")
async def async_view(shape: str) -> Response:
    page = Page.parse(request.path, request.query_string.decode())
    await page.abegin()
    if page.shape == "missing":
        abort(404)
    if page.shape == "file":
        return await send_file(page.file)
    return Response(page.abody(), page.status, page.headers)


@pages.after_request
async def replace(response: Response) -> Response:
    return Response(b"complete\n", 202) if request.path.endswith("/replaced") else response


def make_site(settings: dict[str, Any]) -> Quart:
    site = Quart(__name__)
    init_app(site, **settings)
    site.register_blueprint(pages)
    return site
