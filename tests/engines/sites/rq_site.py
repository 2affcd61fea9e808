"""RQ, with its JSON serializer."""

from __future__ import annotations

import sys

from redis import Redis
from rq import Queue
from rq.decorators import job
from rq.serializers import JSONSerializer

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import redis_url

queue = Queue("bgtasks-rq", connection=Redis.from_url(redis_url()), serializer=JSONSerializer)


@job(queue, connection=queue.connection)
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@job(queue, connection=queue.connection)
def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"at_front": True}
WORKER = [
    *(sys.executable, "-m", "rq.cli", "worker", "bgtasks-rq", "--url", redis_url()),
    *("--serializer", "rq.serializers.JSONSerializer"),
]
