"""Huey, with a database of SQLite in the place of a broker."""

from __future__ import annotations

import os
import sys

from huey import SqliteHuey

from bgtasks_adapters import handoff
from tests.engines.noted import note

huey = SqliteHuey(filename=os.environ["BGTASKS_ENGINE_FOLDER"] + "/huey.sqlite3", results=False)


@huey.task()
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@huey.task()
def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"priority": 3}
WORKER = [sys.executable, "-m", "huey.bin.huey_consumer", f"{__name__}.huey", "-w", "1"]
