"""Collections whose tasks all start together: awaited directly, and run by an adapter."""

from __future__ import annotations

import threading

import anyio
import anyio.from_thread
import pytest

from bgtasks_adapters import BackgroundTasks, add_task, get_background_tasks, task_scope

from .fates import Fates
from .wsgi_server import respond

PATIENCE = 10.0


class Meeting:
    """A place where def and async tasks wait for each other: all have to have started."""

    def __init__(self, defs: int) -> None:
        self.barrier = threading.Barrier(defs)
        self.async_has_come = threading.Event()
        self.def_has_come = anyio.Event()
        self.came: list[str] = []

    def come(self) -> None:
        self.barrier.wait(PATIENCE)
        anyio.from_thread.run_sync(self.def_has_come.set)
        assert self.async_has_come.wait(PATIENCE)
        self.came.append("def")

    async def acome(self) -> None:
        self.async_has_come.set()
        with anyio.fail_after(PATIENCE):
            await self.def_has_come.wait()
        self.came.append("async")


@pytest.mark.anyio
async def test_all_start_together() -> None:
    """Def and async tasks of a concurrent collection run at the same time: each waits for all."""
    meeting = Meeting(defs=2)
    tasks = BackgroundTasks(concurrent=True)
    tasks.add_task(meeting.come)
    tasks.add_task(meeting.acome)
    tasks.add_task(meeting.come)
    await tasks()
    assert sorted(meeting.came) == ["async", "def", "def"]
    assert [task.status for task in tasks.tasks] == ["succeeded"] * 3


@pytest.mark.anyio
async def test_failures_cancel_no_sibling_and_are_raised_together() -> None:
    """Two failures are raised at the end, in one group; a sibling that is slower still ends."""
    may_end, ended = anyio.Event(), threading.Event()

    def fail() -> None:
        anyio.from_thread.run_sync(may_end.set)
        raise ValueError("def")

    async def afail() -> None:
        raise KeyError("async")

    async def slower() -> None:
        await may_end.wait()
        await anyio.wait_all_tasks_blocked()
        ended.set()

    tasks = BackgroundTasks(concurrent=True)
    tasks.add_task(fail)
    tasks.add_task(afail)
    tasks.add_task(slower)
    with pytest.raises(ExceptionGroup) as caught, anyio.fail_after(PATIENCE):
        await tasks()
    assert {type(error) for error in caught.value.exceptions} == {ValueError, KeyError}
    assert ended.is_set()
    assert [task.status for task in tasks.tasks] == ["failed", "failed", "succeeded"]


@pytest.mark.anyio
async def test_what_concurrent_tasks_add_runs_too() -> None:
    """Tasks that a concurrent task adds run, and what those add."""
    log: list[str] = []
    tasks = BackgroundTasks(concurrent=True)
    tasks.add_task(lambda: add_task(lambda: add_task(log.append, "third generation")))
    await tasks()
    assert log == ["third generation"]


@pytest.mark.anyio
async def test_a_cancelled_awaiter_cancels_all_async_tasks() -> None:
    """The cancellation of the awaiting line reaches every async task of the collection."""
    tasks = BackgroundTasks(concurrent=True)
    tasks.add_task(anyio.sleep_forever)
    tasks.add_task(anyio.sleep_forever)
    with anyio.move_on_after(0.01) as deadline:
        await tasks()
    assert deadline.cancelled_caught
    assert [task.status for task in tasks.tasks] == ["cancelled", "cancelled"]


@pytest.mark.anyio
async def test_withdrawn_tasks_stay_out() -> None:
    """A replaced task of a concurrent collection does not run."""
    log: list[str] = []
    tasks = BackgroundTasks(concurrent=True)
    tasks.using(key="k").add_task(log.append, "old")
    tasks.using(key="k").add_task(log.append, "new")
    await tasks()
    assert log == ["new"]


def test_a_response_s_tasks_can_be_concurrent() -> None:
    """With `concurrent` set on a response's collection its def tasks run at the same time."""
    barrier = threading.Barrier(3)
    fates = Fates()

    def view() -> None:
        get_background_tasks().concurrent = True
        for _ in range(3):
            add_task(barrier.wait, PATIENCE)

    respond(view, observers=[fates])
    assert fates.kinds == ["succeeded"] * 3


def test_concurrent_failures_after_a_response_stay_apart() -> None:
    """After a response one concurrent failure is reported and the others succeed."""
    fates = Fates()

    def fail() -> None:
        raise ValueError("broken")

    def view() -> None:
        tasks = get_background_tasks()
        tasks.concurrent = True
        tasks.using(name="bad").add_task(fail)
        tasks.using(name="good").add_task(lambda: None)

    respond(view, observers=[fates])
    assert fates.of("bad").kind == "failed"
    assert fates.of("good").kind == "succeeded"


@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_nested_and_late_adds_to_a_concurrent_response_run(executor: str) -> None:
    """What a concurrent task of a response adds runs, once."""
    log: list[str] = []

    def view() -> None:
        get_background_tasks().concurrent = True
        add_task(lambda: add_task(log.append, "nested"))

    respond(view, executor=executor)
    assert log == ["nested"]


def test_a_concurrent_scope_waits_for_all() -> None:
    """`with task_scope()` of concurrent tasks ends when all have ended, and raises failures."""
    barrier = threading.Barrier(2)
    log: list[str] = []

    def fail() -> None:
        barrier.wait(PATIENCE)
        raise ValueError("broken")

    def work() -> None:
        barrier.wait(PATIENCE)
        log.append("done")

    def block() -> None:
        with task_scope() as tasks:
            tasks.concurrent = True
            add_task(fail)
            add_task(work)

    with pytest.raises(ExceptionGroup, match="1 background task"):
        block()
    assert log == ["done"]
