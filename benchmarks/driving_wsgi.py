"""Driving a WSGI application in this process, as a server does, without one."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks.losses import Losses
from benchmarks.sites.tasks import runs


def get_wsgi(application: Any, path: str, *, pause: float = 0.0) -> bytes:
    """Make one request as a WSGI server does; return the body, once ``close()`` has returned.

    With a pause before ``close()``, what starts too early is seen.
    """
    runs.is_response_complete = False
    body = application(_environ(path), _start_response)
    try:
        content = b"".join(body)
        if pause:
            time.sleep(pause)
    finally:
        runs.is_response_complete = True
        close = getattr(body, "close", None)
        if close is not None:
            close()
    return content


def time_wsgi(application: Any, path: str, requests: int, tasks: int, losses: Losses) -> float:
    """Return microseconds a request of so many, each of which queues ``tasks``."""
    before = runs.ran
    expected = requests * tasks
    started = perf_counter()
    for _ in range(requests):
        get_wsgi(application, path)
    if expected:
        wait_for_tasks(before, expected, losses)
    return (perf_counter() - started) / requests * 1e6


def wait_for_tasks(before: int, expected: int, losses: Losses) -> None:
    have_ended = threading.Event()
    runs.call_at(before + expected, have_ended.set)
    have_ended.wait(losses.patience)
    losses.note(before + expected - runs.ran, expected)


def _environ(path: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _start_response(
    status: str, headers: list[tuple[str, str]], exc_info: object = None
) -> Callable[[bytes], object]:
    if not status.startswith("200"):
        raise AssertionError(f"The site answers {status}")
    return bytes
