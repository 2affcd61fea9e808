"""Celery, with Redis for its results, too."""

from __future__ import annotations

import sys

from celery import Celery

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import redis_url

app = Celery("site", broker=redis_url(), backend=redis_url())
app.conf.task_default_queue = "bgtasks-celery-results"


@app.task
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@app.task
def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"countdown": 0}
WORKER = [
    *(sys.executable, "-m", "celery", "-A", f"{__name__}:app", "worker"),
    *("--concurrency=1", "--without-gossip", "--without-mingle", "--without-heartbeat"),
]
