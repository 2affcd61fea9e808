"""A collection awaited directly: Starlette's contract.

In order, the first failure stops the rest and is raised; consecutive ``def`` tasks share one trip
to one of anyio's worker threads, so that ``anyio.from_thread`` works in them. No adapter comes
through here: after a response ``runner`` runs the tasks, reports failures and goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgtasks_adapters.concurrency import DeadlineExceededError

if TYPE_CHECKING:
    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.tasks import BackgroundTask, BackgroundTasks

_WITHDRAWN = frozenset({"replaced", "cancelled"})


async def run_in_order(collection: BackgroundTasks) -> None:
    """Run one task after the other; raise what the first failing one raises."""
    index = 0
    while index < len(collection.tasks):
        task = collection.tasks[index]
        if task.is_async:
            index += 1
            if task.status not in _WITHDRAWN:
                with _Fate(task):
                    await task.acall(collection)
        else:
            index = await _Trip(collection, index).run()


async def run_concurrently(collection: BackgroundTasks) -> None:
    """Start all tasks together; raise their failures at the end as one ExceptionGroup."""
    import anyio

    errors: list[Exception] = []

    async def run(task: BackgroundTask) -> None:
        try:
            if task.is_async:
                with _Fate(task):
                    await task.acall(collection)
            else:
                await anyio.to_thread.run_sync(_call, task, collection)
        except Exception as error:
            errors.append(error)

    index = 0
    while index < len(collection.tasks):  # again for what the tasks themselves have added
        async with anyio.create_task_group() as group:
            for task in collection.tasks[index:]:
                index += 1
                if task.status not in _WITHDRAWN:
                    group.start_soon(run, task)
    if errors:
        raise ExceptionGroup(f"{len(errors)} background task(s) failed", errors)


class _Trip:
    """One trip of consecutive ``def`` tasks to one of anyio's worker threads."""

    def __init__(self, collection: BackgroundTasks, index: int) -> None:
        self._collection = collection
        self._index = index
        self._is_abandoned = False

    async def run(self) -> int:
        """Return the index of the task behind the trip's last."""
        import anyio.to_thread

        try:
            return await anyio.to_thread.run_sync(self._run)
        except BaseException:
            # The awaiter was cancelled, maybe natively: no further task of this trip may start.
            self._is_abandoned = True
            raise

    def _run(self) -> int:
        from anyio.from_thread import check_cancelled

        tasks = self._collection.tasks
        start = self._index
        while self._index < len(tasks) and not (task := tasks[self._index]).is_async:
            if self._index > start:
                check_cancelled()
                if self._is_abandoned:
                    break
            self._index += 1
            if task.status not in _WITHDRAWN:
                _call(task, self._collection)
        return self._index


def _call(task: BackgroundTask, collection: BackgroundTasks) -> None:
    with _Fate(task):
        task.call(collection)


class _Fate:
    """Keep the status of the task that runs; what it raises goes on to the awaiter."""

    __slots__ = ("_task",)

    def __init__(self, task: BackgroundTask) -> None:
        self._task = task

    def __enter__(self) -> None:
        self._task.status = "running"

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._task.context = None  # the context holds the collection: a cycle
        self._task.status = status_after(self._task, error)


def status_after(task: BackgroundTask, error: BaseException | None) -> Fate:
    """Return the final status of a task that ran and raised ``error``, or nothing."""
    if error is None:
        return "succeeded"
    if isinstance(error, DeadlineExceededError) and error.owner is task:
        return "timed_out"
    is_failure = isinstance(error, (Exception, KeyboardInterrupt, SystemExit))
    return "failed" if is_failure else "cancelled"
