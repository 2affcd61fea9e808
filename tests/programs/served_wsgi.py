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
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


log_everything()
application = BackgroundTasksMiddleware(
    _application, **json.loads(os.environ.get("SERVED_SETTINGS", "{}"))
)
