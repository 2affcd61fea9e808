"""A Flask application, with `def` and `async def` views."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, abort, request, send_file

from bgtasks_adapters.contract import Page
from bgtasks_adapters.flask import init_app

pages = Blueprint("pages", __name__)


@pages.route("/def/<shape>")
def def_view(shape: str) -> Response:
    page = Page.parse(request.path, request.query_string.decode())
    page.begin()
    return respond(page)


@pages.route("/async/<shape>")
async def async_view(shape: str) -> Response:
    page = Page.parse(request.path, request.query_string.decode())
    await page.abegin()
    return respond(page)


def respond(page: Page) -> Response:
    if page.shape == "missing":
        abort(404)
    if page.shape == "file":
        return send_file(page.file)
    return Response(page.body(), page.status, page.headers)


@pages.after_request
def replace(response: Response) -> Response:
    return Response(b"complete\n", 202) if request.path.endswith("/replaced") else response


def make_site(settings: dict[str, Any]) -> Flask:
    site = Flask(__name__)
    init_app(site, **settings)
    site.register_blueprint(pages)
    return site
