"""Huey, with a folder in the place of a broker."""

from __future__ import annotations

import sys

from huey import FileHuey

from bgtasks_adapters import handoff
from tests.engines import services
from tests.engines.noted import note

huey = FileHuey(path=str(services.folder() / "huey"), results=False)


@huey.task()
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@huey.task()
def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


NATIVE_OPTIONS = {"priority": 3}
WORKER = [sys.executable, "-m", "huey.bin.huey_consumer", f"{__name__}.huey", "-w", "1"]
