"""A collection awaited directly: Starlette's contract.

In order, the first failure stops the rest and is raised; consecutive ``def`` tasks share one trip
to one of anyio's worker threads, so that ``anyio.from_thread`` works in them. No adapter comes
through here: after a response ``runner`` runs the tasks, reports failures and goes on.
"""

from __future__ import annotations

from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.from_thread import check_cancelled

from bgtasks_adapters.concurrency import ENDED, rest_in_context

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bgtasks_adapters.tasks import BackgroundTask, BackgroundTasks

_CHECK_SECONDS = 20e-6
"""A task that takes longer is followed by a look whether the awaiter was cancelled. The look
costs as much as a task that does nothing, so behind those it is not taken each time."""

_WITHDRAWN = frozenset({"replaced", "cancelled"})


async def run_in_order(collection: BackgroundTasks) -> None:
    """Run one task after the other; raise what the first failing one raises."""
    tasks = iter(collection.tasks)  # it comes to what the tasks themselves add, too
    task = await _await_leg(collection, tasks)
    while task is not None:
        if task.is_async:
            await _await(task, collection)
            task = await _await_leg(collection, tasks)
        else:
            task = await _Trip(collection, task, tasks).run()


async def _await_leg(
    collection: BackgroundTasks, tasks: Iterable[BackgroundTask]
) -> BackgroundTask | None:
    """Await consecutive plain ``async def`` tasks; return the first one that is no such."""
    advance, ended = next, ENDED
    for task in tasks:
        if not task.is_plain_coroutine_function:
            return task
        # What task.start() does of it all, in place: its calls would take as long as this.
        context = task.context
        if context is None:
            context = task.new_context(collection)
        try:
            task.status = "running"
            kwargs = task.kwargs
            coroutine = task.func(*task.args, **kwargs) if kwargs else task.func(*task.args)
            step = context.run(advance, coroutine.__await__(), ended)
            if step is not ended:
                await rest_in_context(context, coroutine, step)
            task.context = None  # the context holds the collection: a cycle
            task.status = "succeeded"
        except BaseException as error:
            _fail(task, error)
            raise
    return None


async def _await(task: BackgroundTask, collection: BackgroundTasks) -> None:
    if task.status in _WITHDRAWN:
        return
    task.status = "running"
    try:
        if (rest := task.start(collection)) is not None:
            await rest
    except BaseException as error:
        _fail(task, error)
        raise
    task.context = None
    task.status = "succeeded"


async def run_concurrently(collection: BackgroundTasks) -> None:
    """Start all tasks together; raise their failures at the end as one ExceptionGroup."""
    errors: list[Exception] = []

    async def run(task: BackgroundTask) -> None:
        try:
            if task.is_async:
                await _await(task, collection)
            else:
                await _Trip(collection, task).run()
        except Exception as error:
            errors.append(error)

    index = 0
    while index < len(collection.tasks):  # again for what the tasks themselves have added
        async with anyio.create_task_group() as group:
            for task in collection.tasks[index:]:
                if task.status not in _WITHDRAWN:
                    group.start_soon(run, task)
                index += 1
    if errors:
        raise ExceptionGroup(f"{len(errors)} background task(s) failed", errors)


class _Trip:
    """One trip of consecutive ``def`` tasks to one of anyio's worker threads."""

    def __init__(
        self,
        collection: BackgroundTasks,
        first: BackgroundTask,
        rest: Iterable[BackgroundTask] = (),
    ) -> None:
        self._collection = collection
        self._tasks = chain((first,), rest)
        self._is_abandoned = False

    async def run(self) -> BackgroundTask | None:
        """Return the async task behind the trip's last one; None where no task is left."""
        try:
            return await anyio.to_thread.run_sync(self._run)
        except BaseException:
            # The awaiter was cancelled, maybe natively: no further task of this trip may start.
            self._is_abandoned = True
            raise

    def _run(self) -> BackgroundTask | None:
        collection = self._collection
        check_at = monotonic() + _CHECK_SECONDS
        for task in self._tasks:
            if task.is_async:
                return task
            if monotonic() > check_at:
                check_cancelled()
                check_at = monotonic() + _CHECK_SECONDS
            if self._is_abandoned:
                return None
            if task.status in _WITHDRAWN:
                continue
            task.status = "running"
            try:
                task.call(collection)
            except BaseException as error:
                _fail(task, error)
                raise
            task.context = None  # the context holds the collection: a cycle
            task.status = "succeeded"
        return None


def _fail(task: BackgroundTask, error: BaseException) -> None:
    task.context = None
    task.status = task.fate_of(error)
