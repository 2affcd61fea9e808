"""Flask with Flask-Executor, which starts a task where it is submitted."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response
from flask_executor import Executor

from benchmarks.sites.flask_site import make
from benchmarks.sites.pools import WORKERS


def queue(response: Response, function: Callable[..., object], *args: object) -> None:
    executor.submit(function, *args)


application = make(queue)
application.config["EXECUTOR_MAX_WORKERS"] = WORKERS
executor = Executor(application)
