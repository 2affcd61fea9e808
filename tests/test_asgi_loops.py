"""The ASGI boundary when loops end: what they leave goes on, and the next loop is served."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bgtasks_adapters import BackgroundTasks, add_task, drain, get_background_tasks
from bgtasks_adapters.exchanges import ASGIApp

from .asgi_server import PATIENCE, AsgiExchange, app_of, bounded, lifespan_of
from .fates import Fates

both_backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


async def serve_once(app: ASGIApp, until: threading.Event | None = None) -> None:
    """Serve one request, whose tasks a lifespan would drain, and end without its shutdown."""
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        await AsgiExchange(app).run()
        with anyio.fail_after(PATIENCE):
            while until is not None and not until.is_set():
                await anyio.lowlevel.checkpoint()


@both_backends
def test_what_a_loop_leaves_goes_on(backend: str) -> None:
    """The task in which a loop ended is left over; those behind it run on the process's own."""
    started, fates, threads = threading.Event(), Fates(), list[str]()

    async def wait() -> None:
        started.set()
        await anyio.sleep_forever()

    async def anote() -> None:
        threads.append(threading.current_thread().name)

    def note() -> None:
        threads.append(threading.current_thread().name)

    app = bounded(
        app_of(lambda: [add_task(wait), add_task(anote), add_task(note), add_task(anote)]),
        observers=[fates],
    )
    anyio.run(serve_once, app, started, backend=backend)
    assert drain(PATIENCE)
    assert fates.kinds == ["left_over", "succeeded", "succeeded", "succeeded"]
    assert fates.events[0].reason == "its event loop ended"
    assert threads == ["bgtasks-loop", "bgtasks-worker", "bgtasks-loop"]


@both_backends
def test_a_task_added_when_its_loop_has_ended_runs(backend: str) -> None:
    """An async task added after the server's loop has ended runs on the process's own."""
    threads: list[str] = []
    kept: list[BackgroundTasks] = []

    async def anote() -> None:
        threads.append(threading.current_thread().name)

    app = bounded(app_of(lambda: kept.append(get_background_tasks())))
    anyio.run(serve_once, app, backend=backend)
    kept[0].add_task(anote)
    assert drain(PATIENCE)
    assert threads == ["bgtasks-loop"]


@both_backends
def test_a_def_task_that_outlives_its_loop_ends(backend: str) -> None:
    """A def task goes on when the loop has ended, and so does the async task behind it."""
    started, may_end, fates = threading.Event(), threading.Event(), Fates()

    def hold() -> None:
        started.set()
        assert may_end.wait(PATIENCE)

    async def work() -> None: ...

    app = bounded(app_of(lambda: [add_task(hold), add_task(work)]), observers=[fates])
    anyio.run(serve_once, app, started, backend=backend)
    assert fates.kinds == []
    may_end.set()
    assert drain(PATIENCE)
    assert fates.kinds == ["succeeded", "succeeded"]


def test_one_application_on_loop_after_loop() -> None:
    """Each task runs on the loop of its own request, whichever loops an application has seen."""
    seen: list[bool] = []

    async def serve() -> None:
        loop = anyio.lowlevel.current_token().native_token

        async def compare(expected: Any) -> None:
            seen.append(anyio.lowlevel.current_token().native_token is expected)

        app.app = app_of(lambda: add_task(compare, loop))
        await AsgiExchange(app).run()

    app = bounded(app_of(lambda: None))
    for backend in ("asyncio", "trio", "asyncio", "asyncio", "trio"):
        anyio.run(serve, backend=backend)
    assert seen == [True] * 5
