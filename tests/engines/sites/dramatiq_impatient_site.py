"""Dramatiq, with Redis: a worker counts as dead after two seconds."""

from __future__ import annotations

import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import redis_url

broker = RedisBroker(
    url=redis_url(),
    namespace="bgtasks-dramatiq-impatient",
    heartbeat_timeout=2000,  # a minute, by default
    maintenance_chance=1_000_000,  # of a million commands; a thousand, by default
)


@dramatiq.actor(broker=broker)
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@dramatiq.actor(broker=broker)
def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"max_retries": 0}
WORKER = [sys.executable, "-m", "dramatiq", f"{__name__}:broker", "-p", "1", "-t", "1"]
