"""Celery, with RabbitMQ: tasks are acknowledged late."""

from __future__ import annotations

import sys

from celery import Celery

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import rabbitmq_url

app = Celery("site", broker=rabbitmq_url())
app.conf.update(
    task_default_queue="bgtasks-celery-late",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
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
