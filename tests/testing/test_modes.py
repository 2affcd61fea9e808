"""What the three ways to capture tasks do, with the client of every host."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import pytest

from bgtasks_adapters import (
    BackgroundTasks,
    add_task,
    drain,
    get_background_tasks,
    stats,
    task_scope,
)
from bgtasks_adapters.testing import CaptureError, capture_background_tasks

from .clients import SYNC, Ask, View, by_flask, by_httpx_asgi, by_starlette

done: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    done.clear()


def work(name: str) -> None:
    done.append(name)


async def work_async(name: str) -> None:
    done.append(name)


def add_child(name: str) -> None:
    done.append(name)
    add_task(work, f"child of {name}")


def view() -> None:
    add_task(work, "first")
    add_task(work_async, "second")
    add_task(add_child, "third")


def raising_view() -> None:
    add_task(work, "task")
    get_background_tasks().using(when="always").add_task(work, "always")
    raise LookupError("asked for")


ALL = ["first", "second", "third", "child of third"]


@pytest.fixture(params=SYNC, ids=lambda ask: ask.__name__)
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


def _ask_in_spite_of_error(ask: Ask, view: View) -> None:
    with contextlib.suppress(LookupError):  # the client of WSGI passes it on
        ask(view)


def test_now(ask: Ask) -> None:
    """With "now" tasks have run, in order, when the client has its response."""
    with capture_background_tasks() as captured:
        ask(view)
        assert done == ALL
        assert [task.args for task in captured] == [(name,) for name in ALL]
        assert {task.status for task in captured} == {"succeeded"}


def test_later(ask: Ask) -> None:
    """With "later" they run in the call of `run()`, and not before."""
    with capture_background_tasks("later") as captured:
        ask(lambda: add_task(add_child, "parent"))
        ask(lambda: add_task(work, "other"))
        assert done == []
        assert [task.status for task in captured] == ["pending", "pending"]
        captured.run()
        assert done == ["parent", "child of parent", "other"]
        assert {task.status for task in captured} == {"succeeded"}


def test_never(ask: Ask) -> None:
    """With "never" they do not run, are seen, and are cancelled at the end."""
    before = stats()
    with capture_background_tasks("never") as captured:
        ask(view)
        captured.assert_added(work, "first")
        assert [task.status for task in captured] == ["pending"] * 3
        with pytest.raises(CaptureError, match='Take run="later"'):
            captured.run()
    assert drain(10)
    assert done == []
    assert [task.status for task in captured] == ["cancelled"] * 3
    assert captured[0].reason == "it was captured, with run='never', and not run"
    assert stats().cancelled - before.cancelled == 3
    assert stats().pending == before.pending


@pytest.mark.parametrize("run", ["now", "later", "never"])
def test_a_view_that_raised(ask: Ask, run: str) -> None:
    """Whichever the way, the outcome of the view decides as ever which tasks would run."""
    with capture_background_tasks(run) as captured:  # type: ignore[arg-type]
        _ask_in_spite_of_error(ask, raising_view)
        assert captured[0].status == "skipped"
        assert "raised" in str(captured[0].reason) or "500" in str(captured[0].reason)
        if run == "later":
            captured.run()
        assert captured[1].status == ("pending" if run == "never" else "succeeded")


def test_nothing_is_captured_behind_it(ask: Ask) -> None:
    """Behind its block a capture changes nothing."""
    with capture_background_tasks() as captured:
        pass
    ran = threading.Event()

    async def endpoint() -> None:
        return None

    if ask in (by_flask, by_starlette):
        ask(lambda: add_task(ran.set))
    else:
        by_starlette(lambda: add_task(ran.set))
    assert drain(10) or ran.wait(10)
    assert len(captured) == 0


def test_a_task_added_behind_its_response(ask: Ask) -> None:
    """A task that comes late waits for `run()` like the others, before and behind them."""
    kept: list[BackgroundTasks] = []

    def keeping_view() -> None:
        kept.append(get_background_tasks())
        add_task(work, "first")

    with capture_background_tasks("later") as captured:
        ask(keeping_view)
        kept[0].add_task(work, "late")
        assert done == []
        captured.run()
        assert done == ["first", "late"]
        kept[0].add_task(work, "later")
        assert drain(10)
        assert done == ["first", "late"]
        captured.run()
        assert done == ["first", "late", "later"]
    kept[0].add_task(work, "too late")
    assert done == ["first", "late", "later"]
    assert stats().pending == 0


@pytest.mark.anyio
async def test_now_on_a_loop() -> None:
    """The same through httpx's ASGI transport, on asyncio and trio."""
    async with capture_background_tasks() as captured:
        await by_httpx_asgi(view)
        assert done == ALL
    assert {task.status for task in captured} == {"succeeded"}


@pytest.mark.anyio
async def test_later_on_a_loop() -> None:
    """There `arun()` is awaited, and `run()` says so."""
    async with capture_background_tasks("later") as captured:
        await by_httpx_asgi(view)
        assert done == []
        with pytest.raises(CaptureError, match=r"await captured\.arun"):
            captured.run()
        await captured.arun()
        assert done == ALL


def test_a_block_without_a_response() -> None:
    """Code that a test calls by itself adds to a `task_scope()`, which the capture sees, too."""
    with capture_background_tasks() as captured, task_scope():
        view()
        assert done == []
    assert done == ALL
    captured.assert_added(work_async, "second")


def test_what_a_block_raises_is_raised_once() -> None:
    """A `task_scope()` raises what its tasks did, so the capture does not."""

    def fail() -> None:
        raise LookupError

    with capture_background_tasks() as captured:
        with pytest.raises(ExceptionGroup), task_scope():
            add_task(fail)
        assert captured[0].status == "failed"


@pytest.mark.parametrize("decorate", [lambda f: f, capture_background_tasks("never")])
def test_without_a_response_it_is_an_error_as_ever(
    decorate: Callable[[Callable[[], None]], Callable[[], None]],
) -> None:
    """A capture is no response: a view without an adapter fails in a test as in production."""

    def call() -> None:
        with pytest.raises(RuntimeError, match="No response is being made here"):
            add_task(work, "nowhere")

    decorate(call)()
