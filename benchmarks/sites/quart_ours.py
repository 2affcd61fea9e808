"""Quart with bgtasks_adapters."""

from __future__ import annotations

from collections.abc import Callable

from quart import Quart

from benchmarks.sites.pools import WORKERS
from benchmarks.sites.quart_site import make
from bgtasks_adapters import add_task
from bgtasks_adapters.quart import init_app


def queue(app: Quart, function: Callable[..., object], *args: object) -> None:
    add_task(function, *args)


application = make(queue)
init_app(application, max_workers=WORKERS)
