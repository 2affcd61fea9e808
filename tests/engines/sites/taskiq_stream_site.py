"""Taskiq, with a stream of Redis: a task is given again after a second."""

from __future__ import annotations

import sys

from taskiq_redis import RedisStreamBroker

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import redis_url

broker = RedisStreamBroker(
    redis_url(),
    queue_name="bgtasks-taskiq-stream",
    consumer_id="0",
    idle_timeout=1000,  # ten minutes, by default
)


@broker.task
async def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    await handoff.arun(path, args, kwargs)


@broker.task
async def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"delay_label": "none"}
WORKER = [sys.executable, "-m", "taskiq", "worker", f"{__name__}:broker", "--workers", "1"]
