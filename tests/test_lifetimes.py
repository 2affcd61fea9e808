"""What a response held goes with it, at once, and leaves the garbage collector nothing to find.

Not so where a task failed: its traceback holds what it went through.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from bgtasks_adapters import BackgroundTasks, add_task, get_background_tasks
from tests import asgi_server, wsgi_server

PATIENCE = 10.0
"""How long anything that must happen may take, in seconds."""

Fill = Callable[[BackgroundTasks], None]


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    """Have nothing freed but by the last reference to it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class _Watched:
    """The collection of one response, and whether it is gone."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self._gone = threading.Event()
        self._ref: weakref.ref[BackgroundTasks] | None = None

    def view(self) -> None:
        tasks = get_background_tasks()
        self._ref = weakref.ref(tasks, lambda _: self._gone.set())
        self._fill(tasks)

    def is_gone(self) -> bool:
        """Wait for it, because a thread lets go of its last task a little behind its end."""
        return self._ref is not None and self._gone.wait(PATIENCE)


def _nothing() -> None:
    pass


async def _wait() -> None:
    await anyio.lowlevel.checkpoint()


def _none(tasks: BackgroundTasks) -> None:
    pass


def _mixed(tasks: BackgroundTasks) -> None:
    for function in (_nothing, _wait, _nothing, _wait):
        tasks.add_task(function)


def _concurrent(tasks: BackgroundTasks) -> None:
    tasks.concurrent = True
    _mixed(tasks)


def _with_options(tasks: BackgroundTasks) -> None:
    tasks.using(key="one").add_task(_nothing)
    tasks.using(key="one", when="success").add_task(_nothing)
    tasks.using(key="another", when="always").add_task(_nothing)
    tasks.cancel("another")


def _late(tasks: BackgroundTasks) -> None:
    tasks.add_task(add_task, _nothing)
    tasks.add_task(add_task, _wait)


FILLS = [_none, _mixed, _concurrent, _with_options, _late]


@pytest.mark.parametrize("fill", FILLS)
def test_a_wsgi_response_goes_with_its_last_task(fill: Fill) -> None:
    """Neither its collection nor what became of its tasks keeps it."""
    watched = _Watched(fill)
    wsgi_server.respond(watched.view)
    assert watched.is_gone()


@pytest.mark.anyio
@pytest.mark.parametrize("fill", FILLS)
async def test_an_asgi_response_goes_with_its_last_task(fill: Fill) -> None:
    """The same where the server's loop runs them."""
    watched = _Watched(fill)
    await asgi_server.respond(watched.view)
    assert await anyio.to_thread.run_sync(watched.is_gone)
