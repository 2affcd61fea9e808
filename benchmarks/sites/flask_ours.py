"""Flask with bgtasks_adapters."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from benchmarks.sites.flask_site import make
from benchmarks.sites.pools import WORKERS
from bgtasks_adapters import add_task
from bgtasks_adapters.flask import init_app


def queue(response: Response, function: Callable[..., object], *args: object) -> None:
    add_task(function, *args)


application = make(queue)
init_app(application, max_workers=WORKERS)
