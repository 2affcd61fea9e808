"""What a view adds: tasks that hold, report, fail, add more, or differ in their options.

Everything is added with `add_task` from here, below the view, without a request or a collection
being handed down. The `queue` of a request names the function that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from bgtasks_adapters import add_task, get_background_tasks
from bgtasks_adapters.contract.served.announce import LINE, announce, announce_async


def fill(queue: str, visit: str) -> None:
    """Add the tasks of a queue for a visit; an empty name adds none."""
    if queue:
        QUEUES[queue](visit)


def held_def(visit: str) -> None:
    add_task(hold, visit, "task")


def held_async(visit: str) -> None:
    add_task(hold_async, visit, "task")


def busy_def(visit: str) -> None:
    """One task that runs, and ten that wait for it."""
    add_task(hold, visit, "task")
    for number in range(10):
        add_task(report, visit, f"waiting {number}")


def busy_async(visit: str) -> None:
    add_task(hold_async, visit, "task")
    for number in range(10):
        add_task(report_async, visit, f"waiting {number}")


def short(visit: str) -> None:
    add_task(report, visit, "task")


def named_def(visit: str) -> None:
    """A name of its own, for those who read what was left over."""
    get_background_tasks().using(name=f"left over by {visit}").add_task(hold, visit, "task")


def named_async(visit: str) -> None:
    get_background_tasks().using(name=f"left over by {visit}").add_task(hold_async, visit, "task")


def four_in_a_row(visit: str) -> None:
    """Both kinds in turn: no order holds by itself between a thread and a loop."""
    add_task(hold, visit, "first")
    add_task(hold_async, visit, "second")
    add_task(hold_async, visit, "third")
    add_task(hold, visit, "fourth")


def failing_def(visit: str) -> None:
    add_task(fail, visit, "broken")
    add_task(report, visit, "next")


def failing_async(visit: str) -> None:
    add_task(fail_async, visit, "broken")
    add_task(report, visit, "next")


def nested_def(visit: str) -> None:
    add_task(add_child, visit, "parent")
    add_task(report, visit, "sibling")


def nested_async(visit: str) -> None:
    add_task(add_child_async, visit, "parent")
    add_task(report, visit, "sibling")


def lines(visit: str) -> None:
    """Each task is added under another value of a context variable, which is then reset."""
    for name, function in (("def line", report), ("async line", report_async)):
        token = LINE.set(name)
        add_task(function, visit, name)
        LINE.reset(token)


def each_when(visit: str) -> None:
    """One task for every rule; "always" comes last, so that it tells that the others are over."""
    for when in ("returned", "success", "always"):
        get_background_tasks().using(when=when).add_task(report, visit, when)


def every_fate(visit: str) -> None:
    """One task or more for every fate that a running process gives."""
    tasks = get_background_tasks()
    add_task(report, visit, "plain def")
    add_task(report_async, visit, "plain async")
    add_task(fail, visit, "broken")
    tasks.using(when=lambda outcome: False).add_task(report, visit, "unwanted")
    tasks.using(key="once").add_task(report, visit, "first of two")
    tasks.using(key="once").add_task(report, visit, "second of two")
    tasks.using(key="no").add_task(report, visit, "taken back")
    tasks.cancel("no")
    tasks.using(timeout=0.01).add_task(hold_async, visit, "too slow")
    add_task(report, visit, "last")


QUEUES: dict[str, Callable[[str], None]] = {
    queue.__name__: queue
    for queue in (
        held_def,
        held_async,
        busy_def,
        busy_async,
        named_def,
        named_async,
        short,
        four_in_a_row,
        failing_def,
        failing_async,
        nested_def,
        nested_async,
        lines,
        each_when,
        every_fate,
    )
}


def report(visit: str, name: str) -> None:
    announce(visit, name, "started")


async def report_async(visit: str, name: str) -> None:
    await announce_async(visit, name, "started")


def hold(visit: str, name: str) -> None:
    announce(visit, name, "started", hold=True)
    announce(visit, name, "ended")


async def hold_async(visit: str, name: str) -> None:
    await announce_async(visit, name, "started", hold=True)
    await announce_async(visit, name, "ended")


def fail(visit: str, name: str) -> None:
    announce(visit, name, "started")
    raise RuntimeError(f"{visit} asked for a failure")


async def fail_async(visit: str, name: str) -> None:
    await announce_async(visit, name, "started")
    raise RuntimeError(f"{visit} asked for a failure")


def add_child(visit: str, name: str) -> None:
    announce(visit, name, "started")
    add_task(report_async, visit, "child")


async def add_child_async(visit: str, name: str) -> None:
    await announce_async(visit, name, "started")
    add_task(report, visit, "child")
