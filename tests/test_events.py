"""The report of every fate: events for observers, records on the logger, never arguments."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from bgtasks_adapters import BackgroundTask, TaskEvent, add_task, get_background_tasks
from bgtasks_adapters.options import Options

from .fates import Fates
from .wsgi_server import respond

variable: ContextVar[str] = ContextVar("variable", default="default")

SECRET = "s3cret-argument"


def fail(*args: object, **kwargs: object) -> None:
    raise ValueError("broken")


async def wait_for_ever(*args: object, **kwargs: object) -> None:
    await asyncio.Event().wait()


async def work(*args: object, **kwargs: object) -> None: ...


def view_of_every_fate() -> None:
    tasks = get_background_tasks()
    tasks.using(name="to succeed").add_task(work, SECRET)
    tasks.using(name="to fail").add_task(fail, SECRET, key=SECRET)
    tasks.using(name="to time out", timeout=0.01).add_task(wait_for_ever, SECRET)
    tasks.using(name="to be skipped", when=lambda outcome: False).add_task(work, SECRET)
    tasks.using(name="to be replaced", key="one").add_task(work, SECRET)
    tasks.using(name="its replacement", key="one").add_task(work, key=SECRET)
    tasks.using(name="to be cancelled", key="two").add_task(work, SECRET)
    tasks.cancel("two")


LEVELS = {
    "to succeed": ("succeeded", logging.DEBUG),
    "to fail": ("failed", logging.ERROR),
    "to time out": ("timed_out", logging.ERROR),
    "to be skipped": ("skipped", logging.INFO),
    "to be replaced": ("replaced", logging.INFO),
    "its replacement": ("succeeded", logging.DEBUG),
    "to be cancelled": ("cancelled", logging.DEBUG),
}


def test_every_fate_is_one_event_and_one_record(caplog: pytest.LogCaptureFixture) -> None:
    """Each fate is one event and one record of its level; only a failure has a traceback."""
    caplog.set_level(logging.DEBUG, "bgtasks_adapters")
    fates = Fates()
    respond(view_of_every_fate, observers=[fates])
    records: list[Any] = [r for r in caplog.records if hasattr(r, "task_name")]
    assert {r.task_name: (r.task_status, r.levelno) for r in records} == LEVELS
    assert len(records) == len(LEVELS)
    assert {event.task.name: event.kind for event in fates.events} == {
        name: kind for name, (kind, _) in LEVELS.items()
    }
    assert len(fates.events) == len(LEVELS)
    assert [r.task_name for r in records if r.exc_info] == ["to fail"]
    assert all(r.name == "bgtasks_adapters" and r.task_name in r.message for r in records)


def test_arguments_never_appear(caplog: pytest.LogCaptureFixture) -> None:
    """No record shows an argument of a task, not in its text, traceback or extra fields."""
    caplog.set_level(logging.DEBUG, "bgtasks_adapters")

    def failing_observer(event: TaskEvent) -> None:
        raise RuntimeError("observer")

    respond(view_of_every_fate, observers=[failing_observer])
    assert len(caplog.records) > len(LEVELS)
    assert SECRET not in caplog.text
    for record in caplog.records:
        assert SECRET not in repr({**vars(record), "exc_info": None})


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit])
def test_an_observer_that_raises_changes_nothing(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """An observer that raises is logged; other observers are called and the next task runs."""
    fates = Fates()

    def failing_observer(event: TaskEvent) -> None:
        raise kind("the observer's own")

    def view() -> None:
        add_task(lambda: None)
        add_task(work)

    respond(view, observers=[failing_observer, fates])
    assert fates.kinds == ["succeeded", "succeeded"]
    records = [r for r in caplog.records if "Observer" in r.message]
    assert [r.levelno for r in records] == [logging.ERROR] * 2
    assert all("the observer's own" in str(r.exc_info and r.exc_info[1]) for r in records)


def test_observers_run_in_the_task_s_context() -> None:
    """An observer reads context variables as they were on the line that added the task."""
    seen: list[tuple[str, str]] = []

    def observe(event: TaskEvent) -> None:
        seen.append((event.task.name, variable.get()))

    def view() -> None:
        tasks = get_background_tasks()
        for name, func, when in (
            ("def", lambda: None, "always"),
            ("async", work, "always"),
            ("skipped", work, lambda outcome: False),
        ):
            token = variable.set(f"line of {name}")
            tasks.using(name=name, when=when).add_task(func)
            variable.reset(token)

    respond(view, observers=[observe])
    assert sorted(seen) == [(name, f"line of {name}") for name in ("async", "def", "skipped")]


def test_an_observer_may_add_tasks() -> None:
    """`add_task()` in an observer lands in the same collection, and runs."""
    log: list[str] = []

    def observe(event: TaskEvent) -> None:
        if event.task.name == "first":
            add_task(log.append, "added by the observer")

    respond(
        lambda: get_background_tasks().using(name="first").add_task(lambda: None),
        observers=[observe],
    )
    assert log == ["added by the observer"]


def test_times_tell_dispatch_start_and_end() -> None:
    """An event's times are Unix seconds in their order; a task that never ran has no start."""
    fates = Fates()
    before = time.time()
    respond(view_of_every_fate, observers=[fates])
    after = time.time()
    for name in ("to succeed", "to fail", "to time out"):
        event = fates.of(name)
        assert event.dispatched_at is not None
        assert event.started_at is not None
        assert event.ended_at is not None
        assert before <= event.dispatched_at <= event.started_at <= event.ended_at <= after
    skipped = fates.of("to be skipped")
    assert skipped.dispatched_at is not None
    assert (skipped.started_at, skipped.ended_at) == (None, None)
    assert fates.of("to be replaced").dispatched_at is None


def test_errors_reasons_and_outcomes() -> None:
    """A failure has its error; every other fate but success has a reason; ended responses tell."""
    fates = Fates()
    respond(view_of_every_fate, observers=[fates])
    assert str(fates.of("to fail").error) == "broken"
    assert isinstance(fates.of("to time out").error, TimeoutError)
    assert fates.of("to succeed").error is None
    assert fates.of("to succeed").reason is None
    for name in ("to be skipped", "to be replaced", "to be cancelled"):
        assert fates.of(name).reason
        assert fates.of(name).error is None
    outcome = fates.of("to succeed").outcome
    assert outcome is not None
    assert (outcome.returned, outcome.status) == (True, 200)
    assert fates.of("to be replaced").outcome is None


def test_the_status_is_final_when_observers_are_called() -> None:
    """An observer finds the task's status already set to the event's kind."""
    statuses: list[tuple[str, str]] = []
    respond(
        view_of_every_fate,
        observers=[lambda event: statuses.append((event.kind, event.task.status))],
    )
    assert len(statuses) == len(LEVELS)
    assert all(kind == status for kind, status in statuses)


def test_observers_are_called_where_the_task_ran() -> None:
    """An observer is called on the thread on which the task ended."""
    threads: list[str] = []
    respond(
        lambda: [add_task(lambda: None), add_task(work)],
        observers=[lambda event: threads.append(threading.current_thread().name)],
    )
    assert threads == ["bgtasks-worker", "bgtasks-loop"]


def test_a_task_put_into_the_list_by_hand_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """A task that never passed `add_task`, as Starlette's list allows, is reported all the same."""
    caplog.set_level(logging.DEBUG, "bgtasks_adapters")
    fates = Fates()

    def view() -> None:
        task = BackgroundTask(fail)
        task.options = Options(name="by hand", when=lambda outcome: False)
        get_background_tasks().tasks.append(task)

    respond(view, observers=[fates])
    assert fates.of("by hand").kind == "skipped"
    assert "Background task by hand was skipped" in caplog.text
