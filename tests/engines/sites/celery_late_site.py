"""Celery, with Redis: tasks are acknowledged late, and given again after a second."""

from __future__ import annotations

import sys

from celery import Celery

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import redis_url

app = Celery("site", broker=redis_url(database=1))
app.conf.update(
    task_default_queue="bgtasks-celery-late",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    broker_transport_options={"visibility_timeout": 1},  # an hour, by default
)


@app.task
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@app.task
def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"countdown": 0}
WORKER = [
    *(sys.executable, "-m", "celery", "-A", f"{__name__}:app", "worker"),
    *(
        "--concurrency=1",
        "--hostname=late@%h",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ),
]
