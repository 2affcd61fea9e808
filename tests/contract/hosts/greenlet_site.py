"""An application for servers whose threads are greenlets: what is special about tasks there.

Its views are named by the path, and answer with what they return.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bgtasks_adapters import TaskEvent, add_task, drain
from bgtasks_adapters.contract.served.announce import (
    announce,
    announce_end_of_main_thread,
    observe,
)
from bgtasks_adapters.contract.served.queues import hold, hold_async, report, report_async
from bgtasks_adapters.contract.served.settings import settings
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def nothing(visit: str) -> str:
    return "nothing"


def blocked(visit: str) -> str:
    """Queue a task that blocks in the operating system, where no greenlet gives way."""
    add_task(open_pipe, visit, "task")
    return "queued"


def open_pipe(visit: str, name: str) -> None:
    announce(visit, name, "started")
    os.close(os.open(os.environ["PIPE"], os.O_RDONLY))


def held(visit: str) -> str:
    add_task(hold, visit, "def task")
    return "queued"


def held_async(visit: str) -> str:
    add_task(hold_async, visit, "async task")
    return "queued"


def own_loop(visit: str) -> str:
    add_task(run_loop, visit, "task")
    return "queued"


def run_loop(visit: str, name: str) -> None:
    asyncio.run(report_async(visit, name))


def on_threads(visit: str) -> str:
    add_task(call_on_thread, visit, "task")
    return "queued"


async def call_on_thread(visit: str, name: str) -> None:
    await asyncio.to_thread(report, visit, name)


def drained(visit: str) -> str:
    return "drained" if drain(0.01) else "not drained"


def mixed(visit: str) -> str:
    add_task(give_way)
    add_task(give_way_async)
    add_task(give_way)
    return "queued"


def give_way() -> None:
    time.sleep(0)


async def give_way_async() -> None:
    await asyncio.sleep(0)


def observe_visits(event: TaskEvent) -> None:
    if event.task.args:
        observe(event)


VIEWS: dict[str, Callable[[str], str]] = {
    f"/{view.__name__}": view
    for view in (nothing, blocked, held, held_async, own_loop, on_threads, drained, mixed)
}


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = VIEWS[environ["PATH_INFO"]](environ["QUERY_STRING"]).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


of_the_contract = settings()
of_the_contract["observers"] = (observe_visits,)
application = BackgroundTasksMiddleware(answer, **of_the_contract)
announce_end_of_main_thread()
