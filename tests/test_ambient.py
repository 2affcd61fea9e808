"""`add_task`, `get_background_tasks` and `task_scope`: found from anywhere below a response."""

from __future__ import annotations

import gc
import threading
from contextvars import copy_context

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest

from bgtasks_adapters import (
    BackgroundTask,
    NoActiveResponseError,
    add_task,
    drain,
    get_background_tasks,
    stats,
    task_scope,
)
from bgtasks_adapters.ambient import use_tasks
from bgtasks_adapters.dispatch import ResponseScope
from bgtasks_adapters.settings import Settings

from .fates import Fates
from .test_runner import CountingHost
from .wsgi_server import PATIENCE, respond


@pytest.mark.parametrize("call", [get_background_tasks, lambda: add_task(print)])
def test_outside_of_a_response_it_says_what_to_install(call: object) -> None:
    """Outside of a response both functions raise a RuntimeError that names what to install."""
    with pytest.raises(RuntimeError, match="task_scope") as caught:
        call()  # type: ignore[operator]
    assert isinstance(caught.value, NoActiveResponseError)
    for word in ("Django", "Flask", "wsgi.BackgroundTasksMiddleware"):
        assert word in str(caught.value)


def test_add_task_works_from_anywhere_below_the_view() -> None:
    """A function deep below the view and a thread with the view's context add to its response."""
    log: list[str] = []

    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        else:
            add_task(log.append, "deep")

    def view() -> None:
        deep(20)
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(add_task, log.append, "thread"))
        thread.start()
        thread.join(PATIENCE)

    respond(view)
    assert log == ["deep", "thread"]


def test_add_task_passes_everything_on() -> None:
    """`add_task` hands on positional and keyword arguments and returns the task."""
    seen: list[object] = []

    def collect(*args: object, **kwargs: object) -> None:
        seen.append((args, kwargs))

    with task_scope() as tasks:
        task = add_task(collect, 1, func=2, name=3, self=4)
        assert tasks.tasks == [task]
        assert get_background_tasks() is tasks
    assert seen == [((1,), {"func": 2, "name": 3, "self": 4})]
    assert task.status == "succeeded"


def fail(text: str) -> None:
    raise ValueError(text)


async def afail(text: str) -> None:
    await anyio.lowlevel.checkpoint()
    raise KeyError(text)


async def anote(log: list[str], text: str) -> None:
    log.append(text)


def test_a_scope_runs_its_tasks_at_the_end_of_the_block() -> None:
    """Tasks of a `with` block run when it ends, in order: def ones on the block's own thread."""
    log: list[object] = []
    with task_scope():
        add_task(lambda: log.append(threading.get_ident()))
        add_task(anote, log, "async")  # type: ignore[arg-type]
        add_task(lambda: log.append(threading.get_ident()))
        assert log == []
    assert log == [threading.get_ident(), "async", threading.get_ident()]


def test_all_tasks_of_a_scope_run_and_their_failures_are_raised_together() -> None:
    """A failure stops no other task of the block; at its end one group has all failures."""
    log: list[str] = []

    def block() -> None:
        with task_scope():
            add_task(fail, "first")
            add_task(log.append, "second")
            add_task(fail, "third")
            add_task(log.append, "fourth")

    with pytest.raises(ExceptionGroup, match=r"2 background task\(s\) failed") as caught:
        block()
    assert [str(error) for error in caught.value.exceptions] == ["first", "third"]
    assert log == ["second", "fourth"]


def test_a_block_that_raises_skips_its_tasks() -> None:
    """A block that raises skips its tasks, except those that always run, and its error goes on."""
    log: list[str] = []
    added: list[BackgroundTask] = []

    def block() -> None:
        with task_scope() as tasks:
            added.append(add_task(log.append, "usual"))
            tasks.using(when="always").add_task(log.append, "always")
            tasks.using(when="always").add_task(fail, "hidden behind the block's error")
            raise LookupError("the block's")

    with pytest.raises(LookupError, match="the block's"):
        block()
    assert log == ["always"]
    assert added[0].status == "skipped"


def test_a_task_of_a_scope_can_add_another() -> None:
    """What a task of a block adds runs before the block ends, also from def to async."""
    log: list[str] = []
    with task_scope():
        add_task(lambda: add_task(anote, log, "nested async"))
        add_task(lambda: add_task(log.append, "nested def"))
    assert log == ["nested async", "nested def"]


def test_scopes_nest() -> None:
    """An inner block has a collection of its own, and ends before the outer one's tasks run."""
    log: list[str] = []
    with task_scope() as outer:
        add_task(log.append, "outer")
        with task_scope() as inner:
            assert inner is not outer
            add_task(log.append, "inner")
        assert log == ["inner"]
        assert get_background_tasks() is outer
    assert log == ["inner", "outer"]
    with pytest.raises(NoActiveResponseError):
        get_background_tasks()


def test_a_response_within_a_scope_is_another_response() -> None:
    """A request made within a block (a test client's) has its own tasks, run at its own end."""
    log: list[str] = []
    with task_scope():
        respond(lambda: add_task(log.append, "response"))
        assert log == ["response"]
        add_task(log.append, "scope")
    assert log == ["response", "scope"]


def test_tasks_of_a_scope_are_counted() -> None:
    """The tasks of a block count in `stats()`, and none is left pending."""
    before = stats()
    with task_scope():
        add_task(lambda: None)
        assert stats().pending == before.pending + 1
    after = stats()
    assert (after.added, after.succeeded) == (before.added + 1, before.succeeded + 1)
    assert after.pending == before.pending


def test_a_block_leaves_nothing_behind() -> None:
    """Hundreds of blocks, as in a worker that runs for weeks, keep no settings or task alive."""

    def count() -> int:
        gc.collect()
        kinds = (Settings, task_scope)  # by type(), because some objects of others fake __class__
        return sum(type(thing) in kinds for thing in gc.get_objects())

    def block() -> None:
        with task_scope():
            add_task(lambda: None)

    block()
    before = count()
    for _ in range(100):
        block()
    assert drain(PATIENCE)
    assert count() <= before


@pytest.mark.anyio
async def test_an_async_scope_awaits_its_tasks() -> None:
    """Tasks of an `async with` block run at its end: async on its loop, def on anyio's threads."""
    log: list[object] = []

    async def note_loop() -> None:
        await anyio.lowlevel.checkpoint()
        log.append(anyio.lowlevel.current_token().native_token)

    async with task_scope():
        add_task(lambda: log.append(anyio.from_thread.run_sync(threading.get_ident)))
        add_task(note_loop)
        assert log == []
    assert log == [threading.get_ident(), anyio.lowlevel.current_token().native_token]


@pytest.mark.anyio
async def test_an_async_scope_raises_all_failures_together() -> None:
    """All tasks of an `async with` block run, and one group has the failures of both kinds."""
    log: list[str] = []

    async def block() -> None:
        async with task_scope():
            add_task(fail, "first")
            add_task(afail, "second")
            add_task(anote, log, "third")

    with pytest.raises(ExceptionGroup) as caught:
        await block()
    assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]
    assert log == ["third"]


@pytest.mark.anyio
async def test_an_async_block_that_raises_skips_its_tasks() -> None:
    """An `async with` block that raises skips its tasks, and its error goes on."""
    log: list[str] = []

    async def block() -> None:
        async with task_scope() as tasks:
            add_task(log.append, "usual")
            tasks.using(when="always").add_task(anote, log, "always")
            raise LookupError("the block's")

    with pytest.raises(LookupError, match="the block's"):
        await block()
    assert log == ["always"]


@pytest.mark.anyio
async def test_a_task_of_an_async_scope_can_add_another() -> None:
    """What a task of an `async with` block adds runs before the block ends."""
    log: list[str] = []
    async with task_scope():
        add_task(lambda: add_task(anote, log, "nested async"))
    assert log == ["nested async"]


@pytest.mark.anyio
async def test_a_cancelled_async_scope_names_what_it_leaves() -> None:
    """A block that is cancelled while its tasks run: the running and the waiting are left over."""
    added: list[BackgroundTask] = []
    with anyio.move_on_after(0.01) as deadline:
        async with task_scope():
            added.append(add_task(anyio.sleep_forever))
            added.append(add_task(lambda: None))
    assert deadline.cancelled_caught
    assert [task.status for task in added] == ["left_over", "left_over"]


@pytest.mark.anyio
async def test_a_timeout_holds_in_an_async_scope() -> None:
    """A task of an `async with` block that outlives its timeout is one of the failures."""
    added: list[BackgroundTask] = []

    async def block() -> None:
        async with task_scope() as tasks:
            added.append(tasks.using(timeout=0.01).add_task(anyio.sleep_forever))

    with pytest.raises(ExceptionGroup) as caught:
        await block()
    (error,) = caught.value.exceptions
    assert isinstance(error, TimeoutError)
    assert added[0].status == "timed_out"


def test_a_block_within_a_response() -> None:
    """While a response is being made a block has its settings and surroundings, and its own end."""
    fates, host, log = Fates(), CountingHost(), list[str]()
    scope = ResponseScope(Settings(handle_sigterm=False, observers=(fates,)), host)
    with use_tasks(scope):
        add_task(log.append, "behind the response")
        with task_scope():
            add_task(log.append, "in the block")
        assert log == ["in the block"]
    assert (fates.kinds, host.trips) == (["succeeded"], ["def"])
    scope.end(status=200)
    assert drain(PATIENCE)
    assert log == ["in the block", "behind the response"]


def test_a_block_within_a_task() -> None:
    """A running task has its surroundings already, and its workers may all be taken: a block in it
    is as one outside of any response."""
    host, log = CountingHost(), list[str]()
    scope = ResponseScope(Settings(handle_sigterm=False), host)

    def task() -> None:
        with task_scope():
            add_task(log.append, "inner")

    scope.add_task(task)
    scope.end(status=200)
    assert drain(PATIENCE)
    assert (log, host.trips) == (["inner"], ["def"])
