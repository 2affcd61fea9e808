"""A collection awaited directly: what goes beyond Starlette, and what must not leak from it."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import anyio
import anyio.from_thread
import pytest

from bgtasks_adapters import BackgroundTask, BackgroundTasks, add_task, get_background_tasks

pytestmark = pytest.mark.anyio

on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])
variable: ContextVar[str] = ContextVar("variable", default="default")


async def test_consecutive_def_tasks_share_one_thread() -> None:
    """Def tasks that follow each other run on one thread, which is not the loop's."""
    threads: list[int] = []

    def note_thread() -> None:
        threads.append(threading.get_ident())

    tasks = BackgroundTasks()
    for _ in range(5):
        tasks.add_task(note_thread)
    await tasks()
    assert len(threads) == 5
    assert set(threads) == {threads[0]}
    assert threads[0] != threading.get_ident()


async def test_async_tasks_run_on_the_awaiting_loop() -> None:
    """Async tasks run on the thread and the loop of the awaiting line."""
    seen: list[int] = []

    async def note_thread() -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(threading.get_ident())

    tasks = BackgroundTasks()
    tasks.add_task(note_thread)
    await tasks()
    assert seen == [threading.get_ident()]


@on_asyncio
async def test_a_natively_cancelled_awaiter_is_noticed_between_two_def_tasks() -> None:
    """asyncio's own Task.cancel() while a def task runs: it ends, and the next does not start."""
    started, release, ended = threading.Event(), threading.Event(), threading.Event()
    must_not_run = threading.Event()

    def wait() -> None:
        started.set()
        assert release.wait(10)
        ended.set()

    tasks = BackgroundTasks()
    first = tasks.add_task(wait)
    second = tasks.add_task(must_not_run.set)
    awaiting = asyncio.ensure_future(tasks())
    assert await asyncio.to_thread(started.wait, 10)
    awaiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await awaiting
    release.set()
    assert await asyncio.to_thread(ended.wait, 10)
    # The same thread takes the next call: what the trip had left to do is over by then.
    await anyio.to_thread.run_sync(lambda: None)
    assert not must_not_run.is_set()
    assert (first.status, second.status) == ("succeeded", "pending")


async def test_a_cancelled_async_task_has_the_status_cancelled() -> None:
    """The task in which the awaiter was cancelled is `cancelled`, those behind it stay pending."""
    tasks = BackgroundTasks()
    waiting = tasks.add_task(anyio.sleep_forever)
    behind = tasks.add_task(lambda: None)
    with anyio.move_on_after(0.01):
        await tasks()
    assert (waiting.status, behind.status) == ("cancelled", "pending")


async def test_statuses_follow_the_run() -> None:
    """A task is pending, then running, then succeeded or failed; behind a failure it is pending."""
    tasks = BackgroundTasks()
    seen: list[str] = []

    def fail() -> None:
        raise ValueError("broken")

    first = tasks.add_task(lambda: seen.append(first.status))
    second = tasks.add_task(fail)
    third = tasks.add_task(lambda: None)
    assert first.status == "pending"
    with pytest.raises(ValueError, match="broken"):
        await tasks()
    assert seen == ["running"]
    assert [t.status for t in (first, second, third)] == ["succeeded", "failed", "pending"]


async def test_context_variables_are_those_of_the_adding_line() -> None:
    """Each task, def or async, sees the context variables as they were where it was added."""
    seen: list[str] = []

    async def aread() -> None:
        seen.append(variable.get())

    def read() -> None:
        seen.append(variable.get())

    tasks = BackgroundTasks()
    for value, func in (("one", read), ("two", aread), ("three", read)):
        token = variable.set(value)
        tasks.add_task(func)
        variable.reset(token)
    token = variable.set("at the run")
    await tasks()
    variable.reset(token)
    assert seen == ["one", "two", "three"]


async def test_what_a_task_writes_to_a_context_variable_stays_its_own() -> None:
    """A task's write is seen by itself, after an await too, and by no other task or awaiter."""
    seen: list[str] = []

    async def awrite() -> None:
        variable.set("written async")
        await anyio.lowlevel.checkpoint()
        seen.append(variable.get())

    def write() -> None:
        variable.set("written def")

    tasks = BackgroundTasks()
    tasks.add_task(write)
    tasks.add_task(awrite)
    tasks.add_task(lambda: seen.append(variable.get()))
    await tasks()
    assert seen == ["written async", "default"]
    assert variable.get() == "default"


async def test_a_running_collection_is_the_current_one() -> None:
    """`add_task()` in a running task, def or async, lands in the collection that runs."""
    log: list[str] = []
    tasks = BackgroundTasks()

    async def nested() -> None:
        assert get_background_tasks() is tasks
        add_task(log.append, "from async")

    tasks.add_task(lambda: add_task(log.append, "from def"))
    tasks.add_task(nested)
    await tasks()
    assert log == ["from def", "from async"]


async def test_a_task_awaited_alone_runs_what_it_adds() -> None:
    """`await task()` runs, behind the task, what the task adds with `add_task()`."""
    log: list[str] = []
    await BackgroundTask(lambda: add_task(log.append, "nested"))()
    assert log == ["nested"]


async def test_a_timeout_ends_an_async_task() -> None:
    """An async task that outlives its timeout is cancelled, timed_out, and a TimeoutError."""
    interrupted: list[bool] = []

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            interrupted.append(True)

    tasks = BackgroundTasks()
    task = tasks.using(timeout=0.01).add_task(wait)
    with pytest.raises(TimeoutError, match=r"0\.01 s"):
        await tasks()
    assert interrupted == [True]
    assert task.status == "timed_out"


async def test_a_task_in_time_is_not_touched_by_its_timeout() -> None:
    """An async task that ends in time succeeds."""
    tasks = BackgroundTasks()
    task = tasks.using(timeout=10).add_task(anyio.lowlevel.checkpoint)
    await tasks()
    assert task.status == "succeeded"


@pytest.mark.parametrize("timeout", [None, 10])
async def test_a_timeout_error_of_the_task_is_a_failure(timeout: float | None) -> None:
    """A TimeoutError that the task itself raises is a failure, with a timeout set or without."""

    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise TimeoutError("the database's own")

    tasks = BackgroundTasks()
    task = tasks.using(timeout=timeout).add_task(fail)
    with pytest.raises(TimeoutError, match="the database's own"):
        await tasks()
    assert task.status == "failed"


async def test_a_timeout_within_a_task_is_not_the_task_s_own() -> None:
    """A task that awaits a collection in which another times out has itself failed."""
    inner = BackgroundTasks()
    slow = inner.using(timeout=0.01).add_task(anyio.sleep_forever)
    outer = BackgroundTasks()
    task = outer.add_task(inner)
    with pytest.raises(TimeoutError):
        await outer()
    assert (slow.status, task.status) == ("timed_out", "failed")


@pytest.mark.parametrize("fate", ["replaced", "cancelled"])
async def test_withdrawn_tasks_do_not_run(fate: str) -> None:
    """A task that was replaced or cancelled does not run, also when awaited by itself."""
    log: list[str] = []
    tasks = BackgroundTasks()
    task = tasks.using(key="k").add_task(log.append, "withdrawn")
    if fate == "replaced":
        tasks.using(key="k").add_task(log.append, "its replacement")
    else:
        assert tasks.cancel("k")
    await tasks()
    await task()
    assert task.status == fate
    assert log == (["its replacement"] if fate == "replaced" else [])


async def test_a_def_function_that_returns_a_coroutine_is_an_error() -> None:
    """A lambda around an async function fails, and says what to pass instead."""

    async def work() -> None:
        raise AssertionError("nobody awaits this")

    tasks = BackgroundTasks()
    task = tasks.add_task(lambda: work())  # noqa: PLW0108
    with pytest.raises(TypeError, match="returned a coroutine"):
        await tasks()
    assert task.status == "failed"
