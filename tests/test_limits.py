"""The limit of pending tasks: who waits, who runs them, and who is refused."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest

from bgtasks_adapters import TooManyPendingTasksError, add_task, drain, stats

from . import asgi_server, wsgi_server
from .asgi_server import PATIENCE, AsgiExchange, Lifespan, lifespan_of
from .fates import Fates
from .wsgi_server import WsgiExchange


class Occupied:
    """A process with one task that runs until the test releases it."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        started = threading.Event()

        def wait() -> None:
            started.set()
            assert self.may_end.wait(PATIENCE)

        app = wsgi_server.bounded(wsgi_server.app_of(lambda: add_task(wait)), max_workers=2)
        WsgiExchange(app).run()
        assert started.wait(PATIENCE)


@pytest.fixture
def occupied() -> Iterator[Occupied]:
    gc.collect()  # responses that other tests have left open
    assert drain(PATIENCE)
    assert stats().pending == 0
    process = Occupied()
    yield process
    process.may_end.set()
    assert drain(PATIENCE)


def test_wsgi_runs_tasks_on_the_thread_that_queued_them(occupied: Occupied) -> None:
    """At the limit close() runs the response's tasks itself, def and async, in order."""
    threads: list[Any] = []

    def note() -> None:
        threads.append(threading.get_ident())

    async def anote() -> None:
        threads.append("async")

    app = wsgi_server.app_of(lambda: [add_task(note), add_task(anote), add_task(note)])
    exchange = WsgiExchange(wsgi_server.bounded(app, max_pending=1)).call()
    exchange.read()
    assert threads == []
    exchange.close()
    assert threads == [threading.get_ident(), "async", threading.get_ident()]


def test_wsgi_submits_below_the_limit(occupied: Occupied) -> None:
    """Below the limit close() only submits, whatever else is pending."""
    threads: list[int] = []

    def note() -> None:
        threads.append(threading.get_ident())

    WsgiExchange(
        wsgi_server.bounded(wsgi_server.app_of(lambda: add_task(note)), max_pending=2)
    ).run()
    occupied.may_end.set()
    assert drain(PATIENCE)
    assert threads != []
    assert threads[0] != threading.get_ident()


def test_refuse_raises_on_the_adding_line(occupied: Occupied) -> None:
    """With `overflow="refuse"` add_task raises at the limit, and takes tasks again below it."""
    fates, errors = Fates(), list[TooManyPendingTasksError]()

    def view() -> None:
        try:
            add_task(print, "never printed")
        except TooManyPendingTasksError as error:
            errors.append(error)

    app = wsgi_server.bounded(
        wsgi_server.app_of(view), max_pending=1, overflow="refuse", observers=[fates]
    )
    WsgiExchange(app).run()
    (error,) = errors
    assert "print was not added" in str(error)
    assert "max_pending" in str(error)
    assert "never printed" not in str(error)
    assert isinstance(error, RuntimeError)
    assert fates.kinds == []
    occupied.may_end.set()
    assert drain(PATIENCE)
    wsgi_server.respond(
        lambda: add_task(lambda: None), max_pending=1, overflow="refuse", observers=[fates]
    )
    assert fates.kinds == ["succeeded"]


def test_refuse_counts_the_response_s_own_tasks() -> None:
    """With `overflow="refuse"` a single response cannot add more than the limit either."""
    fates, refused = Fates(), list[int]()

    def view() -> None:
        for number in range(5):
            try:
                add_task(lambda: None)
            except TooManyPendingTasksError:
                refused.append(number)

    wsgi_server.respond(view, max_pending=3, overflow="refuse", observers=[fates])
    assert refused == [3, 4]
    assert fates.kinds == ["succeeded"] * 3


@pytest.mark.anyio
async def test_asgi_holds_back_the_end_of_the_response() -> None:
    """At the limit the last message waits until there is room; then it is sent and tasks run.

    No def task ever runs on the event loop.
    """
    occupied = await anyio.to_thread.run_sync(Occupied)
    fates, threads = Fates(), list[int]()
    app = asgi_server.bounded(
        asgi_server.app_of(lambda: add_task(lambda: threads.append(threading.get_ident()))),
        max_pending=1,
        observers=[fates],
    )
    exchange = AsgiExchange(app)
    async with anyio.create_task_group() as group:
        group.start_soon(exchange.run)
        await anyio.wait_all_tasks_blocked()
        assert exchange.kinds == ["http.response.start"]
        assert fates.kinds == []
        occupied.may_end.set()
    assert exchange.kinds == ["http.response.start", "http.response.body"]
    assert fates.kinds == ["succeeded"]
    assert threads[0] != threading.get_ident()


@pytest.mark.anyio
async def test_a_failing_application_at_the_limit_blocks_no_loop() -> None:
    """At the limit, def tasks of an application that failed run on workers, not on the loop."""
    occupied = await anyio.to_thread.run_sync(Occupied)
    threads: list[int] = []

    def view() -> None:
        add_task(lambda: threads.append(threading.get_ident()))
        raise ValueError("broken")

    app = asgi_server.bounded(asgi_server.app_of(view), max_pending=1, when="always")
    with pytest.raises(ValueError, match="broken"):
        await AsgiExchange(app).run()
    occupied.may_end.set()
    assert await anyio.to_thread.run_sync(drain, PATIENCE)
    assert threads != []
    assert threads[0] != threading.get_ident()


@pytest.mark.anyio
async def test_asgi_responses_without_tasks_are_not_held() -> None:
    """At the limit a response that queued nothing is sent at once."""
    occupied = await anyio.to_thread.run_sync(Occupied)
    exchange = await asgi_server.respond(lambda: None, max_pending=1)
    assert exchange.kinds == ["http.response.start", "http.response.body"]
    occupied.may_end.set()
    assert await anyio.to_thread.run_sync(drain, PATIENCE)


@pytest.mark.anyio
async def test_a_client_that_leaves_while_held_loses_no_task() -> None:
    """A request cancelled while its end is held back: its tasks run all the same."""
    occupied = await anyio.to_thread.run_sync(Occupied)
    fates = Fates()
    app = asgi_server.bounded(
        asgi_server.app_of(lambda: add_task(lambda: None)), max_pending=1, observers=[fates]
    )

    async def cancel_while_held(lifespan: Lifespan) -> None:
        await lifespan.start_up()
        async with anyio.create_task_group() as group:
            group.start_soon(AsgiExchange(app).run)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        occupied.may_end.set()
        assert await anyio.to_thread.run_sync(drain, PATIENCE)

    async with lifespan_of(app) as lifespan:
        await cancel_while_held(lifespan)
        await lifespan.shut_down()
    assert fates.kinds == ["succeeded"]
    assert fates.events[0].outcome == (True, 200, None, True)
