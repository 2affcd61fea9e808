"""A host that surrounds tasks by asynchronous context managers, which need a loop."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

import anyio.lowlevel
import pytest

from bgtasks_adapters import add_task, drain
from bgtasks_adapters.asgi import Boundary
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.surroundings import HostContext
from bgtasks_adapters.wsgi import Boundary as WsgiBoundary

from . import wsgi_server
from .asgi_server import PATIENCE, AsgiExchange, app_of
from .fates import Fates

place: ContextVar[str] = ContextVar("place", default="nowhere")


class AsyncHost(HostContext):
    """A framework that needs its loop before and behind each task."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.threads: list[threading.Thread] = []
        self.seen_behind: set[str] = set()
        self.failing = ""
        self.task: Callable[[str], object] = self.work

    @asynccontextmanager
    async def around_task(self, captured: object, /) -> AsyncIterator[None]:
        await self._step("enter")
        token = place.set("inside")
        try:
            yield
        except Exception as error:
            self.log.append(f"saw {error!r}")
            raise
        finally:
            place.reset(token)
            await self._step("leave")

    async def _step(self, name: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.threads.append(threading.current_thread())
        self.log.append(name)
        if self.failing == name:
            raise OSError(name)

    def work(self, word: str) -> None:
        self.log.append(f"{word} {place.get()}")
        if word == "broken":
            raise LookupError(word)

    async def awork(self, word: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.work(word)


@pytest.fixture(params=["def", "async def"])
def host(request: pytest.FixtureRequest) -> AsyncHost:
    host = AsyncHost()
    if request.param == "async def":
        host.task = host.awork
    return host


async def respond(host: AsyncHost, *words: str) -> Fates:
    fates = Fates()
    settings = Settings(
        handle_sigterm=False, observers=(fates, lambda event: host.seen_behind.add(place.get()))
    )
    app = app_of(lambda: [add_task(host.task, word) for word in words])
    await AsgiExchange(Boundary(app, settings, host)).run()
    return fates


@pytest.mark.anyio
async def test_the_loop_of_the_server(host: AsyncHost) -> None:
    """Both ends run on the server's loop, also around a `def` task, which sees what they set."""
    await respond(host, "first", "second")
    assert host.log == ["enter", "first inside", "leave", "enter", "second inside", "leave"]
    assert set(host.threads) == {threading.current_thread()}
    assert host.seen_behind == {"nowhere"}


@pytest.mark.anyio
async def test_a_task_that_fails(host: AsyncHost) -> None:
    """They see what the task raised; the next task has its own."""
    fates = await respond(host, "broken", "second")
    middle = "saw LookupError('broken')"
    assert host.log[:4] == ["enter", "broken inside", middle, "leave"]
    assert host.log[4:] == ["enter", "second inside", "leave"]
    assert [event.kind for event in fates.events] == ["failed", "succeeded"]


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["enter", "leave"])
async def test_an_end_that_raises(host: AsyncHost, end: str) -> None:
    """What one of them raises is the task's failure; the tasks behind it run."""
    host.failing = end
    fates = await respond(host, "first", "second")
    assert [repr(event.error) for event in fates.events] == [f"OSError('{end}')"] * 2


def test_the_loop_of_the_process(host: AsyncHost) -> None:
    """Under WSGI, where the server has no loop, they run on that of the process."""
    settings = Settings(handle_sigterm=False)
    app = wsgi_server.app_of(lambda: add_task(host.task, "task"))
    exchange = wsgi_server.WsgiExchange(WsgiBoundary(app, settings, host)).call()
    exchange.read()
    exchange.close()
    assert drain(PATIENCE)
    assert host.log == ["enter", "task inside", "leave"]
    assert {thread.name for thread in host.threads} == {"bgtasks-loop"}
