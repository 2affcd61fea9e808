"""How a collection runs after a response: the next task, its call, its fate, the next thread.

A run goes through its collection in legs. Consecutive ``def`` tasks are one leg, on one worker
thread; consecutive ``async def`` tasks are one leg, on one loop. What a leg does is written once;
the drivers differ only in how they go from one leg to the next.
"""

from __future__ import annotations

import threading
import time
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Protocol

from bgtasks_adapters.concurrency import is_cancellation
from bgtasks_adapters.direct import status_after
from bgtasks_adapters.exceptions import ProcessTerminated
from bgtasks_adapters.outcome import why_skipped
from bgtasks_adapters.process import ledger
from bgtasks_adapters.surroundings import Trip
from bgtasks_adapters.workers import loop_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.outcome import Outcome
    from bgtasks_adapters.surroundings import HostContext
    from bgtasks_adapters.tasks import BackgroundTask, BackgroundTasks
    from bgtasks_adapters.workers import Loop, Workers


class Response(Protocol):
    """What a run asks of the response it belongs to; see ``dispatch.ResponseScope``."""

    tasks: BackgroundTasks
    hosts: tuple[HostContext, ...]

    def outcome_of(self, task: BackgroundTask, /) -> Outcome: ...

    def may_run(self, task: BackgroundTask, /) -> bool: ...

    @property
    def stops_on_error(self) -> bool: ...

    def settle(
        self,
        task: BackgroundTask,
        fate: Fate,
        /,
        *,
        error: BaseException | None = None,
        reason: str | None = None,
        started_at: float | None = None,
    ) -> None: ...

    def run_started(self) -> None: ...

    def run_finished(self) -> None: ...


class Run:
    """One walk through tasks of a response, from the first to the last, and on if more come."""

    def __init__(
        self, response: Response, tasks: list[BackgroundTask], workers: Workers, loop: Loop
    ) -> None:
        self.response = response
        self.tasks = tasks
        self._workers = workers
        self._loop = loop
        self._index = 0
        self._allowed: BackgroundTask | None = None
        self._is_stopped = False
        self._is_finished = False

    # The drivers: each goes from leg to leg in its own way.

    def start(self) -> None:
        """Begin, or go on, on the right thread or loop; return at once."""
        self._begin()
        self._hand_over()

    def _begin(self) -> None:
        ledger.start(self)
        self.response.run_started()

    def _hand_over(self) -> None:
        task = self._next_or_finish()
        if task is None:
            return
        if not task.is_async:
            self._workers.submit(self._run_leg_and_hand_over)
            return
        try:
            self._loop.start(self._await_leg_and_hand_over)
        except RuntimeError:
            # The server's loop has ended: what it leaves goes on with the loop of the process.
            self._loop = loop_thread()
            self._loop.start(self._await_leg_and_hand_over)

    def _run_leg_and_hand_over(self) -> None:
        self.run_leg()
        self._hand_over()

    async def _await_leg_and_hand_over(self) -> None:
        try:
            await self.await_leg()
        except BaseException:
            # Cancelled: the server's loop ends. What comes next runs on the process's own.
            self._loop = loop_thread()
            raise
        finally:
            self._hand_over()

    def run_here(self) -> None:
        """Run to the end on this thread; async tasks on the loop, which is waited for."""
        self._begin()
        try:
            while (task := self._next_or_finish()) is not None:
                if task.is_async:
                    self._wait_for_async_leg()
                else:
                    self.run_leg()
        except BaseException:
            self.leave_over("the thread that ran it was interrupted")
            raise

    def _wait_for_async_leg(self) -> None:
        ended = threading.Event()

        async def leg() -> None:
            try:
                await self.await_leg()
            finally:
                ended.set()

        self._loop.start(leg)
        ended.wait()

    async def run_awaited(
        self, to_thread: Callable[[Callable[[], None]], Awaitable[object]]
    ) -> None:
        """Run to the end within the caller's coroutine; ``def`` legs through ``to_thread``."""
        self._begin()
        try:
            while (task := self._next_or_finish()) is not None:
                if task.is_async:
                    await self.await_leg()
                else:
                    await to_thread(self.run_leg)
        except BaseException:
            self.leave_over("the coroutine that awaited it was cancelled")
            raise

    # The legs.

    def run_leg(self) -> None:
        """Run the consecutive ``def`` tasks that are next, on this thread."""
        with ExitStack() as stack:
            trips = [stack.enter_context(Trip(host.trip())) for host in self.response.hosts]
            while (task := self._claim(is_async=False)) is not None:
                with _Fate(self, task):
                    task.call(self.response.tasks, trips)

    async def await_leg(self) -> None:
        """Run the consecutive ``async def`` tasks that are next, on this loop."""
        async with AsyncExitStack() as stack:
            trips = [
                await stack.enter_async_context(Trip(host.async_trip()))
                for host in self.response.hosts
            ]
            while (task := self._claim(is_async=True)) is not None:
                with _Fate(self, task):
                    await task.acall(self.response.tasks, trips)

    # Which task is next.

    def _next(self) -> BackgroundTask | None:
        """Return the next task that may run, leaving it where it is; settle those that may not."""
        lock = self.response.tasks.lock
        while True:
            with lock:
                if self._index >= len(self.tasks):
                    return None
                task = self.tasks[self._index]
                if task.status != "pending":
                    self._index += 1
                    continue
            if task is self._allowed:
                return task
            if self._is_stopped:
                reason = "a task before it failed, and on_error is 'stop'"
                self.response.settle(task, "skipped", reason=reason)
            elif self._may_run(task):
                self._allowed = task
                return task

    def _next_or_finish(self) -> BackgroundTask | None:
        while (task := self._next()) is None:
            with self.response.tasks.lock:
                if self._index < len(self.tasks):
                    continue  # one was added meanwhile
                was_finished, self._is_finished = self._is_finished, True
                if not was_finished:
                    ledger.finish(self)  # not later: a late task may have started it again
            if not was_finished:
                self.response.run_finished()
            return None
        return task

    def _may_run(self, task: BackgroundTask) -> bool:
        try:
            if self.response.may_run(task):
                return True
        except (KeyboardInterrupt, ProcessTerminated):
            raise
        except BaseException as error:
            # Only a user's function given as `when` can raise here.
            self.settle(task, "failed", error)
            return False
        reason = why_skipped(self.response.outcome_of(task))
        self.response.settle(task, "skipped", reason=reason)
        return False

    def _claim(self, *, is_async: bool) -> BackgroundTask | None:
        while (task := self._next()) is not None and task.is_async is is_async:
            with self.response.tasks.lock:
                if task.status == "pending":
                    task.status = "running"
                    self._index += 1
                    return task
        return None

    def reopen(self) -> bool:
        """Tell whether the last task had ended, so that a late one needs a new start."""
        with self.response.tasks.lock:
            was_finished, self._is_finished = self._is_finished, False
            if was_finished:
                ledger.start(self)
            return was_finished

    # What became of a task.

    def settle(
        self,
        task: BackgroundTask,
        fate: Fate,
        error: BaseException | None = None,
        started_at: float | None = None,
    ) -> None:
        """Pass a task's fate on, and stop behind a failure where the settings say so."""
        if error is not None:
            self._is_stopped = self.response.stops_on_error
        self.response.settle(task, fate, error=error, started_at=started_at)

    def unfinished_tasks(self) -> list[BackgroundTask]:
        return [task for task in self.tasks if task.status in ("pending", "running")]

    def leave_over(self, reason: str) -> None:
        """Report every task that has not ended as left over, and end this run."""
        for task in self.unfinished_tasks():
            self.response.settle(task, "left_over", reason=reason)
        self._next_or_finish()


class _Fate:
    """Surround the call of one task: whatever it raises becomes its fate, and goes no further.

    Two things do go further: a Ctrl-C or an exit on the main thread, and a cancellation that
    came from outside the task (its loop ends).
    """

    __slots__ = ("_run", "_started_at", "_task")

    def __init__(self, run: Run, task: BackgroundTask) -> None:
        self._run = run
        self._task = task

    def __enter__(self) -> None:
        self._started_at = time.time()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        task = self._task
        if error is None or isinstance(error, Exception):
            self._run.settle(task, status_after(task, error), error, self._started_at)
            return True
        reason = _why_interrupted(task, error)
        if reason is not None:
            self._run.response.settle(task, "left_over", reason=reason, started_at=self._started_at)
            return False
        self._run.settle(task, "failed", error, self._started_at)
        is_exit = isinstance(error, (KeyboardInterrupt, SystemExit)) and not task.is_async
        return not (is_exit and threading.current_thread() is threading.main_thread())


def _why_interrupted(task: BackgroundTask, error: BaseException) -> str | None:
    """Say why a task was ended from outside; None where it ended itself in an unusual way."""
    if isinstance(error, ProcessTerminated):
        return "the process was told to end while it ran on the main thread"
    if isinstance(error, (KeyboardInterrupt, SystemExit)) or not task.is_async:
        return None
    if isinstance(error, GeneratorExit) or is_cancellation(error):
        return "its event loop ended"
    return None
