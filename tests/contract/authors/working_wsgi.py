"""An adapter that keeps what it promises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from bgtasks_adapters.contract import Page, check_adapter
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    page = Page.parse(environ["PATH_INFO"], environ["QUERY_STRING"])
    page.begin()
    start_response(f"{page.status} Status", list(page.headers.items()))
    body = page.body()
    return [body] if isinstance(body, bytes) else body


def make_host(settings: dict[str, Any]) -> WSGIApplication:
    return BackgroundTasksMiddleware(answer, **settings)


TestAdapter = check_adapter(make_host, "wsgi", servers=["waitress"], sees_the_view=False)
