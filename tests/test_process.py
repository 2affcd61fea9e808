"""What a process knows of its tasks: `drain`, `stats`, and what a forked child inherits."""

from __future__ import annotations

import threading
import time
from typing import Any

import anyio.to_thread
import pytest

from bgtasks_adapters import (
    InvalidOptionError,
    Stats,
    add_task,
    drain,
    get_background_tasks,
    stats,
)

from .programs import forks, run
from .wsgi_server import PATIENCE, WsgiExchange, app_of, bounded, respond


def difference(before: Stats) -> dict[str, int]:
    """Return the counts that have changed since."""
    return {
        name: count - getattr(before, name)
        for name, count in stats()._asdict().items()
        if count != getattr(before, name)
    }


def fail() -> None:
    raise ValueError("broken")


def test_stats_balance_for_every_fate() -> None:
    """What was added is the sum of all fates, whichever they were."""
    before = stats()

    def view() -> None:
        tasks = get_background_tasks()
        tasks.add_task(lambda: None)
        tasks.add_task(fail)
        tasks.using(timeout=0.01).add_task(anyio.sleep_forever)
        tasks.using(when=lambda outcome: False).add_task(fail)
        tasks.using(key="k").add_task(fail)
        tasks.using(key="k").add_task(lambda: None)
        tasks.using(key="l").add_task(fail)
        tasks.cancel("l")

    respond(view)
    assert difference(before) == {
        "added": 7,
        "succeeded": 2,
        "failed": 1,
        "timed_out": 1,
        "skipped": 1,
        "replaced": 1,
        "cancelled": 1,
    }


def test_stats_count_what_waits_and_what_runs() -> None:
    """Tasks whose response is still being made, that wait, and that run, are pending."""
    started, may_end = threading.Event(), threading.Event()
    assert drain(PATIENCE)
    before = stats()

    def hold() -> None:
        started.set()
        assert may_end.wait(PATIENCE)

    exchange = WsgiExchange(bounded(app_of(lambda: [add_task(hold), add_task(fail)]))).call()
    assert difference(before) == {"added": 2, "pending": 2}
    exchange.close()
    assert started.wait(PATIENCE)
    assert difference(before) == {"added": 2, "pending": 2}
    may_end.set()
    assert drain(PATIENCE)
    assert difference(before) == {"added": 2, "succeeded": 1, "failed": 1}


def test_drain_waits_until_all_have_ended() -> None:
    """`drain()` is False while a task runs, and True when it and all it added have ended."""
    started, may_end, log = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        started.set()
        assert may_end.wait(PATIENCE)
        add_task(log.append, "nested")

    WsgiExchange(bounded(app_of(lambda: add_task(hold)))).run()
    assert started.wait(PATIENCE)
    assert drain(0) is False
    assert drain(0.01) is False
    may_end.set()
    assert drain() is True
    assert log == ["nested"]


def test_drain_returns_at_once_when_nothing_runs() -> None:
    """With nothing queued `drain()` does not use up its timeout."""
    started = time.monotonic()
    assert drain(PATIENCE)
    assert time.monotonic() - started < PATIENCE / 2


def test_a_timeout_that_is_no_number_is_refused() -> None:
    """`drain()` says what it was given instead of seconds."""
    timeout: Any = "5"
    with pytest.raises(InvalidOptionError, match=r"drain\('5'\).*seconds"):
        drain(timeout)


@pytest.mark.anyio
async def test_drain_on_a_loop_is_refused() -> None:
    """`drain()` on an event loop would block it: it says what to do, and that works."""
    with pytest.raises(RuntimeError, match=r"anyio\.to_thread\.run_sync\(drain"):
        drain(1)
    assert await anyio.to_thread.run_sync(drain, PATIENCE)


def test_a_forked_child_starts_afresh() -> None:
    """A process that forks behind its first tasks: parent and child both run tasks, to the end."""
    ended = run(forks.run_before_and_behind)
    assert ended.status == 0, ended
    assert ended.said == [
        "parent: def",
        "parent: async",
        "child: 0 added before",
        "child: def",
        "child: async",
        "child: 2 succeeded",
        "child ended with 0",
        "parent again: def",
        "parent again: async",
    ], ended
    receipts = [line for line in ended.log.splitlines() if "Receipt of process" in line]
    assert len({line.split(":")[0] for line in receipts}) == 2
    assert sorted(line.split(": ")[1].split(",")[0] for line in receipts) == ["2 added", "4 added"]


def test_a_forked_child_leaves_its_parent_s_tasks_to_the_parent() -> None:
    """A fork while a task runs: the child has no such task, and its own ones run."""
    ended = run(forks.fork_with_a_task_running)
    assert ended.status == 0, ended
    assert ended.said == [
        "child drained: True 0",
        "child's task",
        "child ended with 0",
        "True parent's task ended",
    ], ended


def test_a_fork_on_another_thread() -> None:
    """A child forked on a thread runs tasks and ends in an orderly way."""
    ended = run(forks.fork_on_a_thread)
    assert ended.status == 0, ended
    assert ended.said == [
        "parent: def",
        "parent: async",
        "child: def",
        "child: async",
        "child ended with 0",
    ], ended
