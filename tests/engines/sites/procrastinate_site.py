"""Procrastinate, with PostgreSQL."""

from __future__ import annotations

import sys

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from bgtasks_adapters import handoff
from tests.engines.noted import note
from tests.engines.services import postgresql

app = App(connector=PsycopgConnector(kwargs=postgresql()))


@app.task
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@app.task
def native(**kwargs: object) -> None:
    note(**kwargs)


def prepare() -> None:
    with App(connector=SyncPsycopgConnector(kwargs=postgresql())).open() as opened:
        if not opened.check_connection():
            opened.schema_manager.apply_schema()
    app.open()


NATIVE_OPTIONS = {"priority": 3}
WORKER = [
    *(sys.executable, "-m", "procrastinate", "--app", f"{__name__}.app", "worker"),
    # After a restart of PostgreSQL it hears of no job any more, and looks every five seconds.
    "--fetch-job-polling-interval=0.2",
]
