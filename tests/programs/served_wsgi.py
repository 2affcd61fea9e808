"""A WSGI application for real servers: settings from the environment, the log on stderr."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from bgtasks_adapters import add_task
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware
from tests.programs import FOR_EVER, log_everything, say

_has_started = threading.Event()


def _end_behind_the_main_thread() -> None:
    _has_started.set()
    threading.main_thread().join(FOR_EVER)
    say("the task ended")


def _application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/task":
        add_task(_end_behind_the_main_thread)
    elif environ["PATH_INFO"] == "/started":
        _has_started.wait(FOR_EVER)
    elif environ["PATH_INFO"] == "/half":
        return _answer_in_halves(environ, start_response)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def _answer_in_halves(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Send one half, and the other when the body of the request has come."""
    start_response("200 OK", [])
    yield b"half"
    environ["wsgi.input"].read(1)
    yield b"whole"


log_everything()
application = BackgroundTasksMiddleware(
    _application, **json.loads(os.environ.get("SERVED_SETTINGS", "{}"))
)
