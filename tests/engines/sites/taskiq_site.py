"""Taskiq, with Redis."""

from __future__ import annotations

import sys

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from taskiq_redis import ListQueueBroker

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import redis_url

broker = ListQueueBroker(
    redis_url(),
    queue_name="bgtasks-taskiq",
    # Or a worker that waits for tasks for five seconds ends, and is started anew.
    socket_timeout=None,
    # Without these the first task that is sent after a restart of Redis is refused.
    retry=Retry(NoBackoff(), retries=1),
    retry_on_error=[ConnectionError],
)


@broker.task
async def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    await handoff.arun(path, args, kwargs)


@broker.task
async def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"delay_label": "none"}
WORKER = [sys.executable, "-m", "taskiq", "worker", f"{__name__}:broker", "--workers", "1"]
