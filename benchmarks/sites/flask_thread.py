"""Flask, with a thread that is started for each task once the response is closed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from flask import Response

from benchmarks.sites.flask_site import make


def queue(response: Response, function: Callable[..., object], *args: object) -> None:
    response.call_on_close(Thread(target=function, args=args).start)


application = make(queue)
