"""Flask, with the least that one writes by hand: ``call_on_close`` hands the task to a pool."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Response

from benchmarks.sites.flask_site import make
from benchmarks.sites.pools import pool


def queue(response: Response, function: Callable[..., object], *args: object) -> None:
    response.call_on_close(partial(pool.submit, function, *args))


application = make(queue)
