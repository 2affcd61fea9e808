"""The pages as a bare WSGI callable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class Pages:
    """Answers every page; ``queue`` is called with a function and its arguments."""

    def __init__(self, queue: Callable[..., object]) -> None:
        self._queue = queue

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        body = b"ok"
        match environ["PATH_INFO"]:
            case "/def":
                self._queue(work, ms_of(environ["QUERY_STRING"]))
            case "/async":
                self._queue(work_async, ms_of(environ["QUERY_STRING"]))
            case "/many":
                for number in steps():
                    self._queue(step, *number)
            case "/ran":
                body = json.dumps(runs.report()).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
