"""How a collection runs after a response, on threads: order, isolation, nested and late tasks."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import pytest

from bgtasks_adapters import BackgroundTask, add_task, drain, get_background_tasks
from bgtasks_adapters.dispatch import ResponseScope
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.surroundings import HostContext
from bgtasks_adapters.wsgi import Boundary

from .fates import Fates
from .wsgi_server import PATIENCE, WsgiExchange, app_of, bounded, respond

variable: ContextVar[str] = ContextVar("variable", default="default")


def fail() -> None:
    raise ValueError("broken")


async def afail() -> None:
    raise ValueError("broken")


def test_tasks_run_first_in_first_out() -> None:
    """Def and async tasks of one response run in the order in which they were added."""
    log: list[int] = []

    async def anote(number: int) -> None:
        await asyncio.sleep(0)
        log.append(number)

    def view() -> None:
        for number in range(12):
            add_task(anote if number % 5 > 2 else log.append, number)

    respond(view)
    assert log == list(range(12))


def test_nothing_runs_before_the_response_is_closed() -> None:
    """No task starts before the server has closed the body."""
    log: list[str] = []
    exchange = WsgiExchange(bounded(app_of(lambda: add_task(log.append, "task")))).call()
    exchange.read()
    assert drain(PATIENCE)
    assert log == []
    exchange.close()
    assert drain(PATIENCE)
    assert log == ["task"]


class CountingHost(HostContext):
    """A framework that only counts the trips its tasks make."""

    def __init__(self) -> None:
        self.trips: list[str] = []
        self.tasks: list[Any] = []

    def capture(self, task: BackgroundTask, /) -> Any:
        return task.name

    def hold(self, task: BackgroundTask, /) -> None:
        return None

    @contextmanager
    def trip(self) -> Iterator[CountingHost]:
        self.trips.append("def")
        yield self

    @asynccontextmanager
    async def async_trip(self) -> AsyncIterator[CountingHost]:
        self.trips.append("async")
        yield self

    def around_task(self, captured: Any, /) -> AbstractContextManager[None]:
        self.tasks.append(captured)
        return nullcontext()


def test_consecutive_tasks_make_one_trip() -> None:
    """Consecutive def tasks share one thread and one trip, async ones one loop and one trip."""
    host = CountingHost()
    threads: list[str] = []

    def note() -> None:
        threads.append(threading.current_thread().name)

    async def anote() -> None:
        threads.append(threading.current_thread().name)

    def view() -> None:
        for func in (note, note, note, anote, anote, note):
            add_task(func)

    settings = Settings(handle_sigterm=False)
    WsgiExchange(Boundary(app_of(view), settings, host)).run()
    assert drain(PATIENCE)
    assert host.trips == ["def", "async", "def"]
    assert len(host.tasks) == 6
    assert threads[:3] == ["bgtasks-worker"] * 3
    assert threads[3:5] == ["bgtasks-loop"] * 2


def test_a_leg_of_def_tasks_has_one_thread() -> None:
    """Consecutive def tasks run on one thread, which is not the server's."""
    threads: list[int] = []

    def note() -> None:
        threads.append(threading.get_ident())

    respond(lambda: [add_task(note) for _ in range(5)])
    assert len(threads) == 5
    assert set(threads) == {threads[0]}
    assert threads[0] != threading.get_ident()


def test_async_tasks_of_all_responses_share_one_loop() -> None:
    """Under WSGI all async tasks of a process run on one loop, also those of other settings."""
    loops: list[Any] = []

    async def note() -> None:
        loops.append(asyncio.get_running_loop())

    respond(lambda: add_task(note))
    respond(lambda: add_task(note), max_workers=2)
    assert len(loops) == 2
    assert loops[0] is loops[1]


@pytest.mark.parametrize("failing", [fail, afail])
@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_a_failure_stops_no_other_task(failing: Any, executor: str) -> None:
    """By default the tasks behind a failing one run."""
    fates = Fates()

    def view() -> None:
        for func in (failing, lambda: None, afail, lambda: None, failing):
            add_task(func)

    respond(view, observers=[fates], executor=executor)
    assert fates.kinds == ["failed", "succeeded", "failed", "succeeded", "failed"]


@pytest.mark.parametrize("failing", [fail, afail])
def test_on_error_stop_skips_what_is_behind_a_failure(failing: Any) -> None:
    """With `on_error="stop"` all tasks behind a failing one are skipped, and say why."""
    fates = Fates()

    async def work() -> None: ...

    def view() -> None:
        for func in (lambda: None, failing, lambda: None, work):
            add_task(func)

    respond(view, observers=[fates], on_error="stop")
    assert fates.kinds == ["succeeded", "failed", "skipped", "skipped"]
    assert "a task before it failed" in str(fates.events[-1].reason)


def test_on_error_stop_holds_for_late_tasks_too() -> None:
    """With `on_error="stop"` a task that is added after a failure, even late, is skipped."""
    fates = Fates()
    kept: list[Any] = []

    def view() -> None:
        add_task(fail)
        kept.append(get_background_tasks())

    respond(view, observers=[fates], on_error="stop")
    kept[0].add_task(lambda: None)
    assert drain(PATIENCE)
    assert fates.kinds == ["failed", "skipped"]


@pytest.mark.parametrize("first_is_async", [False, True])
@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_a_running_task_can_add_tasks_of_either_kind(first_is_async: bool, executor: str) -> None:
    """A def task adds an async one, which adds a def one: all run, in order, once."""
    log: list[str] = []

    async def aadd(then: list[Any]) -> None:
        log.append("async")
        if then:
            add_task(then[0], then[1:])

    def add(then: list[Any]) -> None:
        log.append("def")
        if then:
            add_task(then[0], then[1:])

    kinds = [add, aadd, add, aadd]
    if first_is_async:
        kinds.reverse()
    respond(lambda: add_task(kinds[0], kinds[1:]), executor=executor)
    assert log == ["async" if func is aadd else "def" for func in kinds]


@pytest.mark.parametrize("executor", ["threads", "inline"])
@pytest.mark.parametrize("had_tasks", [True, False])
def test_a_task_added_after_the_last_one_ended_runs_at_once(executor: str, had_tasks: bool) -> None:
    """Added when the response and all its tasks are over, a task of either kind still runs."""
    log: list[str] = []
    kept: list[Any] = []

    async def anote(text: str) -> None:
        log.append(text)

    def view() -> None:
        kept.append(get_background_tasks())
        if had_tasks:
            add_task(log.append, "in time")

    respond(view, executor=executor)
    log.clear()
    kept[0].add_task(log.append, "late def")
    assert drain(PATIENCE)
    kept[0].add_task(anote, "late async")
    assert drain(PATIENCE)
    assert log == ["late def", "late async"]


def test_late_tasks_from_many_threads_run_once_each() -> None:
    """Late tasks added from several threads at once all run, each of them once."""
    log: list[int] = []
    kept: list[Any] = []
    barrier = threading.Barrier(8)
    respond(lambda: kept.append(get_background_tasks()))

    def add_many(first: int) -> None:
        barrier.wait(PATIENCE)
        for number in range(first, first + 50):
            kept[0].add_task(log.append, number)

    threads = [threading.Thread(target=add_many, args=(n * 50,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert drain(PATIENCE)
    assert sorted(log) == list(range(400))


def test_tasks_added_while_the_response_ends_keep_their_order() -> None:
    """A thread that adds tasks at the moment at which the response ends loses and swaps none.

    Threads change places as often as they can, to find every such moment.
    """
    settings = Settings(handle_sigterm=False)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(500):
            log: list[int] = []
            scope = ResponseScope(settings)
            for number in range(3):
                scope.add_task(log.append, number)
            both = threading.Barrier(2)

            def add_more(scope: ResponseScope, both: threading.Barrier, log: list[int]) -> None:
                both.wait(PATIENCE)
                for number in range(3, 10):
                    scope.add_task(log.append, number)

            thread = threading.Thread(target=add_more, args=(scope, both, log))
            thread.start()
            both.wait(PATIENCE)
            scope.end(status=200)
            thread.join(PATIENCE)
            assert drain(PATIENCE)
            assert log == list(range(10))
    finally:
        sys.setswitchinterval(interval)


def test_a_cancelled_error_of_a_task_is_a_failure() -> None:
    """A CancelledError that a task raises by itself, def or async, is a failure; the next runs."""
    fates = Fates()

    async def await_what_was_cancelled() -> None:
        waiting = asyncio.ensure_future(asyncio.Event().wait())
        waiting.cancel()
        await waiting

    def raise_cancelled() -> None:
        raise asyncio.CancelledError

    async def work() -> None: ...

    def view() -> None:
        for func in (await_what_was_cancelled, work, raise_cancelled, work):
            add_task(func)

    respond(view, observers=[fates])
    assert fates.kinds == ["failed", "succeeded", "failed", "succeeded"]


class UnusualError(BaseException):
    """An error that `except Exception` does not catch."""


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, UnusualError])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_exit_in_a_task_ends_no_worker(
    kind: type[BaseException], is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """SystemExit and its like in a task are failures: the next task runs, the worker goes on."""
    fates = Fates()

    def raise_it() -> None:
        raise kind

    async def araise_it() -> None:
        raise kind

    def view() -> None:
        add_task(araise_it if is_async else raise_it)
        add_task(lambda: None)

    for _ in range(2):
        respond(view, observers=[fates], max_workers=1)
    assert fates.kinds == ["failed", "succeeded"] * 2
    assert not [r for r in caplog.records if r.levelno == logging.CRITICAL]


def test_a_task_sees_the_context_of_its_line_and_keeps_its_writes() -> None:
    """Context variables read as on the line that added the task; a write stays in its task."""
    seen: list[str] = []

    async def aread() -> None:
        seen.append(variable.get())
        variable.set("written")

    def read() -> None:
        seen.append(variable.get())
        variable.set("written")

    def view() -> None:
        for value, func in (("one", read), ("two", aread), ("three", read)):
            token = variable.set(value)
            add_task(func)
            variable.reset(token)

    respond(view)
    assert seen == ["one", "two", "three"]
    assert variable.get() == "default"


class Value:
    """Something that a context variable holds."""


def test_a_task_that_has_ended_lets_go_of_its_context() -> None:
    """What a task's context holds is free when the task has ended, also if the task is kept."""
    kept: list[BackgroundTask] = []
    held: ContextVar[Value] = ContextVar("held")
    values: list[weakref.ref[Value]] = []

    async def work() -> None: ...

    def view() -> None:
        for func in (lambda: None, work):
            value = Value()
            values.append(weakref.ref(value))
            token = held.set(value)
            kept.append(add_task(func))
            held.reset(token)

    respond(view)
    gc.collect()
    assert [task.status for task in kept] == ["succeeded", "succeeded"]
    assert [value() for value in values] == [None, None]


def test_a_timeout_ends_an_async_task_and_the_next_runs() -> None:
    """An async task that outlives its timeout is `timed_out`; its own TimeoutError is `failed`."""
    fates = Fates()

    async def wait() -> None:
        await asyncio.Event().wait()

    async def raise_timeout() -> None:
        raise TimeoutError("the client library's own")

    def view() -> None:
        using = get_background_tasks().using
        using(timeout=0.01).add_task(wait)
        using(timeout=10).add_task(raise_timeout)
        using(timeout=10).add_task(asyncio.sleep, 0)

    respond(view, observers=[fates])
    assert fates.kinds == ["timed_out", "failed", "succeeded"]


def test_a_def_function_that_returns_a_coroutine_fails() -> None:
    """A lambda around an async function is a failure that says so, and warns of nothing."""
    fates = Fates()

    async def work() -> None: ...

    respond(lambda: add_task(lambda: work()), observers=[fates])  # noqa: PLW0108
    assert fates.kinds == ["failed"]
    assert "returned a coroutine" in str(fates.events[0].error)


@pytest.mark.parametrize("moment", ["trip", "around_task"])
def test_surroundings_that_fail_lose_no_task(moment: str, caplog: pytest.LogCaptureFixture) -> None:
    """A trip that cannot be entered is logged and its tasks run; a task's own setting fails it."""

    class FailingHost(CountingHost):
        @contextmanager
        def trip(self) -> Iterator[CountingHost]:
            if moment == "trip":
                raise OSError("no connection")
            yield self

        def around_task(self, captured: Any, /) -> AbstractContextManager[None]:
            raise OSError("no language")

    fates, log = Fates(), list[str]()
    settings = Settings(handle_sigterm=False, observers=(fates,))
    view = app_of(lambda: add_task(log.append, "ran"))
    WsgiExchange(Boundary(view, settings, FailingHost())).run()
    assert drain(PATIENCE)
    if moment == "trip":
        assert log == ["ran"]
        assert "no connection" in caplog.text
    else:
        assert fates.kinds == ["failed"]
        assert str(fates.events[0].error) == "no language"
