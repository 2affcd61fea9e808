"""Starlette's contract, to the letter: every test here runs on Starlette's classes and on ours.

On asyncio and on trio; `library` is the module that the two classes are taken from.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any
from unittest.mock import AsyncMock, Mock

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import starlette.background
from starlette.responses import PlainTextResponse

import bgtasks_adapters

from .asgi_server import AsgiExchange

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[starlette.background, bgtasks_adapters], ids=["starlette", "ours"])
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


class Log(list[str]):
    """What ran, in its order; with a task of each kind that writes to it."""

    def note(self, text: str = "def") -> None:
        self.append(text)

    async def anote(self, text: str = "async") -> None:
        await anyio.lowlevel.checkpoint()
        self.append(text)

    def fail(self, text: str) -> None:
        self.append(text)
        raise ValueError(text)

    async def afail(self, text: str) -> None:
        self.append(text)
        raise ValueError(text)


async def test_tasks_run_in_the_order_they_were_added(library: Any) -> None:
    """Def and async tasks run in the order in which they were added, one after the other."""
    log = Log()
    tasks = library.BackgroundTasks()
    for number in range(3):
        tasks.add_task(log.note, f"def {number}")
    tasks.add_task(log.anote, "async 3")
    tasks.add_task(log.note, text="def 4")
    tasks.add_task(log.anote, text="async 5")
    assert log == []
    assert await tasks() is None
    assert log == ["def 0", "def 1", "def 2", "async 3", "def 4", "async 5"]


@pytest.mark.parametrize("kind", ["fail", "afail"])
async def test_first_failure_stops_the_rest_and_is_raised(library: Any, kind: str) -> None:
    """What the first failing task raises is raised itself, and no task behind it runs."""
    log = Log()
    tasks = library.BackgroundTasks()
    tasks.add_task(log.note, "first")
    tasks.add_task(getattr(log, kind), "second")
    tasks.add_task(log.note, "third")
    tasks.add_task(log.anote, "fourth")
    with pytest.raises(ValueError, match=r"^second$"):
        await tasks()
    assert log == ["first", "second"]


async def test_tasks_added_by_a_running_task_run_behind_the_others(library: Any) -> None:
    """A running task, def or async, can add tasks of either kind, which run last."""
    log = Log()
    tasks = library.BackgroundTasks()

    def add_async() -> None:
        log.note("adds async")
        tasks.add_task(log.anote, "added async")

    async def add_def() -> None:
        log.note("adds def")
        tasks.add_task(log.note, "added def")

    tasks.add_task(add_async)
    tasks.add_task(add_def)
    tasks.add_task(log.note, "there before")
    await tasks()
    assert log == ["adds async", "adds def", "there before", "added async", "added def"]


async def test_a_last_task_can_add_another(library: Any) -> None:
    """A task added while the last one runs is not forgotten."""
    log = Log()
    tasks = library.BackgroundTasks()
    tasks.add_task(lambda: tasks.add_task(log.note, "added"))
    await tasks()
    assert log == ["added"]


class CallableObject:
    def __init__(self, log: Log) -> None:
        self.log = log

    def __call__(self, text: str) -> None:
        self.log.append(f"object {text}")


class AsyncCallableObject(CallableObject):
    async def __call__(self, text: str) -> None:  # type: ignore[override]
        await anyio.lowlevel.checkpoint()
        self.log.append(f"async object {text}")


async def test_every_kind_of_callable_runs(library: Any) -> None:
    """Partials of either kind, callable objects of either kind and bound methods run."""
    log = Log()
    tasks = library.BackgroundTasks()
    tasks.add_task(functools.partial(log.note, "partial"))
    tasks.add_task(functools.partial(log.anote, text="async partial"))
    tasks.add_task(functools.partial(functools.partial(log.anote), "partial of a partial"))
    tasks.add_task(CallableObject(log), "called")
    tasks.add_task(AsyncCallableObject(log), "awaited")
    tasks.add_task(functools.partial(AsyncCallableObject(log), "in a partial"))
    tasks.add_task(log.append, "builtin method")
    await tasks()
    assert log == [
        "partial",
        "async partial",
        "partial of a partial",
        "object called",
        "async object awaited",
        "async object in a partial",
        "builtin method",
    ]


async def test_mocks_are_what_they_stand_for(library: Any) -> None:
    """A Mock is called as a def function, an AsyncMock is awaited."""
    mock, async_mock = Mock(), AsyncMock()
    tasks = library.BackgroundTasks()
    tasks.add_task(mock, 1, two=2)
    tasks.add_task(async_mock, 3)
    await tasks()
    mock.assert_called_once_with(1, two=2)
    async_mock.assert_awaited_once_with(3)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="inspect.markcoroutinefunction is newer")
async def test_a_marked_function_may_return_any_awaitable(library: Any) -> None:
    """A def function marked as a coroutine function is awaited, whatever awaitable it returns."""
    log = Log()

    class Later:
        def __await__(self) -> Any:
            yield from log.anote("awaited").__await__()

    def marked() -> Later:
        return Later()

    vars(inspect)["markcoroutinefunction"](marked)
    tasks = library.BackgroundTasks()
    tasks.add_task(marked)
    await tasks()
    assert log == ["awaited"]


async def test_awaited_twice_all_run_twice(library: Any) -> None:
    """A collection keeps its tasks: awaited again it runs them all again."""
    log = Log()
    tasks = library.BackgroundTasks()
    tasks.add_task(log.note, "one")
    tasks.add_task(log.anote, "two")
    await tasks()
    await tasks()
    assert log == ["one", "two", "one", "two"]


async def test_a_single_task_can_be_awaited(library: Any) -> None:
    """A task is awaited by itself, and again; what it raises is raised."""
    log = Log()
    for func in (log.note, log.anote):
        task = library.BackgroundTask(func, "alone")
        assert await task() is None
        await task()
    with pytest.raises(ValueError, match="broken"):
        await library.BackgroundTask(log.fail, "broken")()
    assert log == ["alone"] * 4 + ["broken"]


async def test_collections_are_made_of_tasks(library: Any) -> None:
    """A collection is made of nothing, of None, or of tasks, Starlette's own included."""
    log = Log()
    await library.BackgroundTasks()()
    await library.BackgroundTasks(None)()
    await library.BackgroundTasks([])()
    given = [
        library.BackgroundTask(log.note, "one"),
        starlette.background.BackgroundTask(log.anote, text="two"),
    ]
    tasks = library.BackgroundTasks(given)
    tasks.add_task(log.note, "three")
    await tasks()
    assert log == ["one", "two", "three"]
    assert len(given) == 2


async def test_def_tasks_run_on_anyio_worker_threads(library: Any) -> None:
    """A def task can call back into the loop with anyio.from_thread, sync and async."""
    log = Log()
    tasks = library.BackgroundTasks()
    tasks.add_task(lambda: anyio.from_thread.run(log.anote, "run"))
    tasks.add_task(lambda: anyio.from_thread.run_sync(log.note, "run_sync"))
    await tasks()
    assert log == ["run", "run_sync"]


async def test_starlette_responses_take_it(library: Any) -> None:
    """A collection given to a Starlette response as `background` runs behind its body."""
    log = Log()
    tasks = library.BackgroundTasks()
    tasks.add_task(log.note, "task")
    exchange = AsgiExchange(PlainTextResponse("hello", background=tasks))
    exchange.before_send = lambda message: log.note(message["type"])
    await exchange.run()
    assert log == ["http.response.start", "http.response.body", "task"]


@pytest.mark.parametrize("kind", ["def", "async"])
async def test_an_awaiter_cancelled_by_a_scope_starts_no_further_task(
    library: Any, kind: str
) -> None:
    """Cancelled by an anyio scope while a task runs, the collection starts no task behind it."""
    log = Log()
    tasks = library.BackgroundTasks()
    with anyio.CancelScope() as scope:

        def cancel_from_thread() -> None:
            anyio.from_thread.run_sync(scope.cancel)
            log.note("ran to its end")

        async def cancel() -> None:
            log.note("ran to its end")
            scope.cancel()

        tasks.add_task(cancel_from_thread if kind == "def" else cancel)
        tasks.add_task(log.note, "must not run")
        tasks.add_task(log.anote, "must not run either")
        await tasks()
        await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert "must not run either" not in log
    assert log[0] == "ran to its end"
    if kind == "def":
        assert log == ["ran to its end"]


async def test_deadlines_around_it_reach_an_async_task(library: Any) -> None:
    """A deadline around the awaiting line interrupts the async task that runs."""
    ended = Log()

    async def wait_for_ever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.note("interrupted")

    tasks = library.BackgroundTasks()
    tasks.add_task(wait_for_ever)
    with anyio.move_on_after(0.01) as deadline:
        await tasks()
    assert deadline.cancelled_caught
    assert ended == ["interrupted"]


async def test_structured_concurrency_works_in_tasks(library: Any) -> None:
    """An async task may open task groups, scopes and threads of its own."""
    log = Log()

    async def work() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(log.anote, "child")
        with anyio.move_on_after(0.01):
            await anyio.sleep_forever()
        await anyio.to_thread.run_sync(log.note, "thread")

    tasks = library.BackgroundTasks()
    tasks.add_task(work)
    await tasks()
    assert log == ["child", "thread"]
