"""A Flask application, with `def` and `async def` views."""

from __future__ import annotations

from flask import Flask, Response, abort, request, send_file

from bgtasks_adapters.flask import init_app

from .announce import announce, announce_async, announce_end_of_main_thread
from .ending import HeldWsgiEnd
from .pages import BODY, FILE, Page, PageError, body, parse
from .queues import fill
from .settings import SETTINGS

site = Flask(__name__)
init_app(site, **SETTINGS)


@site.route("/def/<shape>")
def def_view(shape: str) -> Response:
    page = parse(request.path, request.query_string.decode())
    fill(page.queue, page.visit)
    if shape == "waiting":
        announce(page.visit, "view", "started", hold=True)
    return respond(page)


@site.route("/async/<shape>")
async def async_view(shape: str) -> Response:
    page = parse(request.path, request.query_string.decode())
    fill(page.queue, page.visit)
    if shape == "waiting":
        await announce_async(page.visit, "view", "started", hold=True)
    return respond(page)


def respond(page: Page) -> Response:
    match page.shape:
        case "error":
            raise PageError(page.visit)
        case "missing":
            abort(404)
        case _ if page.is_streamed:
            return Response(body(page))
        case "file":
            return send_file(FILE)
        case "empty" | "unchanged":
            return Response(status=page.status)
    return Response(BODY, page.status, {"Location": "/"})


@site.after_request
def replace(response: Response) -> Response:
    return Response(BODY, 202) if request.path.endswith("/replaced") else response


application = HeldWsgiEnd(site)
announce_end_of_main_thread()
