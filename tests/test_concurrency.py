"""The bridges: a coroutine in another context, deadlines, and events between threads and loops."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from bgtasks_adapters.concurrency import (
    DeadlineExceededError,
    ThreadEvent,
    is_on_loop,
    run_in_context,
    run_with_deadline,
)

PATIENCE = 10.0
variable: ContextVar[str] = ContextVar("variable", default="default")


def context_with(value: str) -> Any:
    context = copy_context()
    context.run(variable.set, value)
    return context


@pytest.mark.anyio
async def test_every_step_of_a_coroutine_runs_in_the_context() -> None:
    """A coroutine reads and writes the given context before and behind its awaits, only there."""
    context = context_with("given")

    async def work() -> str:
        seen = [variable.get()]
        await anyio.lowlevel.checkpoint()
        seen.append(variable.get())
        variable.set("written")
        await anyio.lowlevel.checkpoint()
        return ", ".join([*seen, variable.get()])

    assert await run_in_context(context, work()) == "given, given, written"
    assert context[variable] == "written"
    assert variable.get() == "default"


@pytest.mark.anyio
async def test_errors_pass_in_both_directions() -> None:
    """What the coroutine raises is raised; a cancellation from outside is raised inside."""
    interrupted: list[str] = []

    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError("from within")

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            interrupted.append(variable.get())

    with pytest.raises(ValueError, match="from within"):
        await run_in_context(copy_context(), fail())
    with anyio.move_on_after(0.01) as deadline:
        await run_in_context(context_with("given"), wait())
    assert deadline.cancelled_caught
    assert interrupted == ["given"]


def test_closing_closes_the_coroutine_in_its_context() -> None:
    """A coroutine that is closed half way ends its own blocks, in its context."""
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(variable.get())

    async def outer() -> None:
        await run_in_context(context_with("given"), wait())

    running = outer()
    running.send(None)
    running.close()
    assert ended == ["given"]


@pytest.mark.anyio
async def test_a_deadline() -> None:
    """In time the result is returned; behind the deadline the coroutine is cancelled."""
    owner = object()
    interrupted: list[bool] = []

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            interrupted.append(True)

    async def work() -> int:
        await anyio.lowlevel.checkpoint()
        return 42

    assert await run_with_deadline(work(), PATIENCE, owner) == 42
    with pytest.raises(DeadlineExceededError, match=r"its timeout of 0\.01 s") as caught:
        await run_with_deadline(wait(), 0.01, owner)
    assert interrupted == [True]
    assert caught.value.owner is owner


@pytest.mark.anyio
async def test_a_deadline_around_is_not_the_deadline_within() -> None:
    """A cancellation from outside stays one, and a TimeoutError of the coroutine stays its own."""

    async def raise_timeout() -> None:
        await anyio.lowlevel.checkpoint()
        raise TimeoutError("own")

    with anyio.move_on_after(0.01) as deadline:
        await run_with_deadline(anyio.sleep_forever(), PATIENCE, None)
    assert deadline.cancelled_caught
    with pytest.raises(TimeoutError, match="own") as caught:
        await run_with_deadline(raise_timeout(), PATIENCE, None)
    assert type(caught.value) is TimeoutError


def test_no_loop_runs_here() -> None:
    """A plain thread is on no loop."""
    assert not is_on_loop()


@pytest.mark.anyio
async def test_a_loop_runs_here_and_not_in_its_threads() -> None:
    """Code on asyncio or trio is on a loop; a worker thread of either is not."""
    assert is_on_loop()
    assert not await anyio.to_thread.run_sync(is_on_loop)


@pytest.mark.anyio
async def test_a_thread_wakes_a_loop() -> None:
    """A ThreadEvent set by any thread wakes the loop that waits for it, and stays set."""
    event = ThreadEvent()
    thread = threading.Thread(target=event.set)
    async with anyio.create_task_group() as group:
        group.start_soon(event.wait)
        await anyio.wait_all_tasks_blocked()
        thread.start()
    thread.join(PATIENCE)
    with anyio.move_on_after(PATIENCE) as patience:
        await event.wait()
    assert not patience.cancelled_caught


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_event_of_a_loop_that_has_ended_can_be_set(backend: str) -> None:
    """Setting a ThreadEvent whose loop is gone does nothing."""

    async def make() -> ThreadEvent:
        return ThreadEvent()

    event = anyio.run(make, backend=backend)
    event.set()
    assert not event._event.is_set()
