"""How a collection runs after a response: the next task, its call, its fate, the next thread.

A run goes through its collection in legs. Consecutive ``def`` tasks are one leg, on one worker
thread; consecutive ``async def`` tasks are one leg, on one loop. What a leg does is written once;
the drivers differ only in how they go from one leg to the next.
"""

from __future__ import annotations

import threading
from time import time
from typing import TYPE_CHECKING, Any

from bgtasks_adapters.concurrency import ENDED, is_cancellation, rest_in_context
from bgtasks_adapters.events import logger
from bgtasks_adapters.exceptions import ProcessTerminated
from bgtasks_adapters.process import ledger
from bgtasks_adapters.surroundings import Trip
from bgtasks_adapters.workers import loop_thread, workers_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
    from typing import Protocol

    from bgtasks_adapters.entries import Entry
    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.surroundings import HostContext, Surroundings
    from bgtasks_adapters.tasks import BackgroundTask, Collection
    from bgtasks_adapters.work import Work
    from bgtasks_adapters.workers import Loop

    class Response(Collection, Protocol):
        """What a run asks of the response it belongs to; see ``dispatch.ResponseScope``."""

        settings: Settings
        hosts: tuple[HostContext, ...]
        loop: Loop | None


class Run:
    """One walk through tasks of a response, from the first to the last."""

    is_stopped = False
    """Whether a task failed, and those behind it are not to run for that."""
    _index = 0
    _is_to_repeat = False
    _is_finished = False
    _started: object = None
    """What the loop gave for an async leg, held because the loop itself does not hold it."""

    def __init__(self, work: Work, response: Response, tasks: list[BackgroundTask]) -> None:
        self.tasks = tasks
        self._work = work
        self._response = response
        self._loop = response.loop or loop_thread()

    # The drivers: each goes from leg to leg in its own way.

    def start(self) -> None:
        """Begin, or go on, on the right thread or loop; return at once."""
        self._begin()
        self._hand_over()

    def _begin(self) -> None:
        ledger.start(self)
        self._work.activity.started(self)

    def _hand_over(self) -> None:
        task = self._next_or_finish()
        if task is None:
            return
        if not task.is_async:
            workers_of(self._response.settings.max_workers).submit(self._run_leg_and_hand_over)
            return
        try:
            self._started = self._loop.start(self._await_leg_and_hand_over)
        except RuntimeError:
            # The server's loop has ended: what it leaves goes on with the loop of the process.
            self._loop = loop_thread()
            self._started = self._loop.start(self._await_leg_and_hand_over)

    def _run_leg_and_hand_over(self) -> None:
        self._run_within(self._response.hosts)
        self._hand_over()

    async def _await_leg_and_hand_over(self) -> None:
        try:
            await self._await_within(self._response.hosts)
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
        self._run_within(self._response.hosts)

    def _run_within(
        self, hosts: Sequence[HostContext], trips: tuple[Surroundings, ...] = ()
    ) -> None:
        if hosts:
            with Trip(hosts[0].trip) as trip:
                self._run_within(hosts[1:], (*trips, trip))
            return
        collection, fates, start_beside = (
            self._response,
            self._work.fates,
            self._start_beside,
        )
        for task in self._claim(is_async=False):
            started_at = time()
            try:
                task.call(collection, trips, start_beside)
            except BaseException as error:
                if not self._absorbs(task, error, started_at):
                    raise
            else:
                if task.job is not None or task.entry is not None:
                    fate: Fate = "succeeded" if task.job is None else "handed_off"
                    fates.settle(task, fate, started_at=started_at)
                elif ledger.succeed(task) and fates.is_success_reported:
                    fates.report_success(task, started_at)
                task.context = None  # the context holds the collection: a cycle

    def _start_beside(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start on the loop what is to be waited for on this thread, which needs one that runs."""
        loop = self._loop if self._loop.is_alive() else loop_thread()
        loop.start(function)

    async def await_leg(self) -> None:
        """Run the consecutive ``async def`` tasks that are next, on this loop."""
        await self._await_within(self._response.hosts)

    async def _await_within(
        self, hosts: Sequence[HostContext], trips: tuple[Surroundings, ...] = ()
    ) -> None:
        if hosts:
            async with Trip(hosts[0].async_trip) as trip:
                await self._await_within(hosts[1:], (*trips, trip))
            return
        collection, fates = self._response, self._work.fates
        for task in self._claim(is_async=True):
            started_at = time()
            try:
                context = task.context
                if context is not None and not trips and task.is_plain_coroutine_function:
                    # What task.start() does of it all, in place: its calls would take as long.
                    kwargs = task.kwargs
                    coroutine = task.func(*task.args, **kwargs) if kwargs else task.func(*task.args)
                    step = context.run(next, coroutine.__await__(), ENDED)
                    if step is not ENDED:
                        await rest_in_context(context, coroutine, step)
                elif (rest := task.start(collection, trips)) is not None:
                    await rest
            except BaseException as error:
                if not self._absorbs(task, error, started_at):
                    raise
            else:
                if task.job is not None or task.entry is not None:
                    fate: Fate = "succeeded" if task.job is None else "handed_off"
                    fates.settle(task, fate, started_at=started_at)
                elif ledger.succeed(task) and fates.is_success_reported:
                    fates.report_success(task, started_at)
                task.context = None

    # Which task is next.

    def _next_or_finish(self) -> BackgroundTask | None:
        """Return the task that is next, leaving it where it is; None, and done, if none is."""
        tasks = self.tasks
        while True:
            while self._index < len(tasks):
                task = tasks[self._index]
                if task.status != "pending":
                    self._index += 1
                elif self.is_stopped:
                    reason = "a task before it failed, and on_error is 'stop'"
                    self._work.fates.settle(task, "skipped", reason=reason)
                else:
                    return task
            with self._work.lock:
                if self._index < len(tasks):
                    continue  # one was added meanwhile
                was_running = self._finish()
            if was_running:
                self._work.activity.finished(self)
            return None

    def _finish(self) -> bool:
        """Note, under the lock, that no task is left; True if that is news."""
        was_running = not self._is_finished
        if was_running:
            self._is_finished = True
            self._work.finished(self)
            ledger.finish(self)
        return was_running

    def _claim(self, *, is_async: bool) -> Iterator[BackgroundTask]:
        """Take the tasks of one leg, one after the other, each just before it runs."""
        # Without the lock: one leg at a time comes here, and a list's end only moves on. The index
        # is noted behind them all, because one that was taken is passed over anyhow.
        tasks, index = self.tasks, self._index
        while index < len(tasks) and not self.is_stopped:
            task = tasks[index]
            if task.status == "pending":
                if task.is_async is not is_async:
                    break
                if task.options.key is not None and not self._claim_keyed(task):
                    continue
                task.status = "running"
                yield task
                if self._is_to_repeat:  # its engine was not to be had, so it is to run here
                    self._is_to_repeat = False
                    continue
            index += 1
        self._index = index

    def _claim_keyed(self, task: BackgroundTask) -> bool:
        with self._work.lock:  # against cancel() and a later task of its key
            if task.status != "pending":
                return False
            task.status = "running"
            return True

    # What became of a task.

    def _absorbs(self, task: BackgroundTask, error: BaseException, started_at: float) -> bool:
        """Make what a task raised its fate; False where it must go further.

        That is a Ctrl-C or an exit on the main thread, and a cancellation that came from outside
        the task (its loop ends).
        """
        if not isinstance(error, Exception):
            reason = _why_interrupted(task, error)
            if reason is not None:
                settle = self._work.fates.settle
                settle(task, "left_over", reason=reason, started_at=started_at)
                return False
        if task.job is not None and isinstance(error, Exception):
            error.add_note(f"Raised when {task.name} was handed off to {task.job.engine.name}.")
            if task.entry is not None:
                self._postpone(task, task.entry, error, started_at)
                return True
            is_wanted_here = self._response.settings.on_handoff_error == "run_locally"
            if is_wanted_here and not task.job.is_native:
                logger.warning(
                    "Background task %s could not be handed off, and runs here",
                    task.name,
                    exc_info=error,
                )
                task.run_here()
                self._is_to_repeat = True
                return True
        fate = task.fate_of(error)
        if fate == "cancelled":  # not from outside: a failure like any other
            fate = "failed"
        self.is_stopped = self._response.settings.on_error == "stop"
        self._work.fates.settle(task, fate, error=error, started_at=started_at)
        is_exit = isinstance(error, (KeyboardInterrupt, SystemExit)) and not task.is_async
        return not (is_exit and threading.current_thread() is threading.main_thread())

    def _postpone(
        self, task: BackgroundTask, entry: Entry, error: Exception, started_at: float
    ) -> None:
        """Leave a task that its engine did not take to the journal, which will try again."""
        reason = f"it could not be handed off ({error}); the journal will try again"
        entry.postpone(reason)
        self._work.fates.settle(task, "left_over", reason=reason, started_at=started_at)

    def unfinished_tasks(self) -> list[BackgroundTask]:
        return [task for task in self.tasks if task.status in ("pending", "running")]

    def outlive_the_server(self, seconds: float, /) -> None:
        """Have the loop of the async legs run on, if the server left it."""
        self._loop.outlive_the_server(seconds)

    def leave_over(self, reason: str) -> None:
        """Report every task that has not ended as left over, and end this run."""
        for task in self.unfinished_tasks():
            self._work.fates.settle(task, "left_over", reason=reason)
        with self._work.lock:
            was_running = self._finish()
        if was_running:
            self._work.activity.finished(self)


def _why_interrupted(task: BackgroundTask, error: BaseException) -> str | None:
    """Say why a task was ended from outside; None where it ended itself in an unusual way."""
    if isinstance(error, ProcessTerminated):
        return "the process was told to end while it ran on the main thread"
    if isinstance(error, (KeyboardInterrupt, SystemExit)) or not task.is_async:
        return None
    if isinstance(error, GeneratorExit) or is_cancellation(error):
        return "its event loop ended"
    return None
