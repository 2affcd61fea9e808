"""Huey on Redis."""

from __future__ import annotations

import sys

from huey import RedisHuey

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import redis_url

huey = RedisHuey("bgtasks-huey", url=redis_url(), results=False)


@huey.task()
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@huey.task()
def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"delay": 0}
WORKER = [sys.executable, "-m", "huey.bin.huey_consumer", f"{__name__}.huey", "-w", "1"]
