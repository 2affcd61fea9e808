"""A WSGI application with its journal in a file."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from bgtasks_adapters import add_task
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware
from tests.crash.work import deliver, journal, number_of, receipt


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    number = number_of(environ["PATH_INFO"])
    if number:
        add_task(deliver, number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [receipt()]


application = BackgroundTasksMiddleware(answer, journal=journal())
