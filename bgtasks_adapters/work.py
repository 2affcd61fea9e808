"""The tasks of one response, from the first that is added to the end of the last.

A response has this only once it has a task. What its adapters see of it is noted in ``dispatch``;
here that decides what becomes of the tasks, and runs are made of those that may run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgtasks_adapters.abandoned import abandon
from bgtasks_adapters.activity import Activity
from bgtasks_adapters.fates import Fates
from bgtasks_adapters.holds import Held
from bgtasks_adapters.process import ledger
from bgtasks_adapters.runner import Run
from bgtasks_adapters.workers import loop_thread, workers_of

if TYPE_CHECKING:
    from typing import Protocol

    from bgtasks_adapters.abandoned import Response as DroppedResponse
    from bgtasks_adapters.captors import Captor
    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.outcome import Notes
    from bgtasks_adapters.process import OpenResponse
    from bgtasks_adapters.runs import Response as RunningResponse
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.tasks import BackgroundTask

    class Response(RunningResponse, OpenResponse, DroppedResponse, Protocol):
        """What is asked of the response whose work it is; see ``dispatch.ResponseScope``."""

        settings: Settings
        notes: Notes
        captor: Captor | None
        is_over: bool
        is_dispatched: bool

        def take_late(self) -> None: ...


class Work:
    """The tasks of one response: which of them are counted, judged, held, and due."""

    def __init__(self, response: Response) -> None:
        settings = response.settings
        captor = response.captor
        self.fates = Fates(settings if captor is None else captor.observed(settings), response)
        self.activity = Activity()
        self._response = response
        self._lock = response.tasks.lock
        self._due: list[BackgroundTask] = []
        self._counted = 0
        self._is_taking = False
        self._run: Run | None = None
        self._held: Held | None = None
        ledger.open(response)

    def take(self) -> list[Run]:
        """Judge all that was added since the last time; return the runs that are to start.

        One thread at a time: another one that comes here meanwhile leaves what it has added to
        the first, which looks once more before it goes.
        """
        with self._lock:
            if self._is_taking:
                return []
            self._is_taking = True
            first, new = self._counted, self._next()
        due: list[BackgroundTask] = []
        runs: list[Run] = []
        try:
            if self.fates.dispatched_at is None:
                self.fates.begin()
            while new is not None:
                added, held = new
                if self._held is not None:
                    self._held.watch(held)
                self.fates.judge_all(added)
                due += [task for task in added if task.status == "pending"]
                with self._lock:
                    new = self._next()
                    if new is None:
                        runs = self._runs_of(due)
        except BaseException:
            self._take_back(first)
            raise
        return runs

    def _take_back(self, first: int) -> None:
        """Count nothing from the first one on: interrupted, so that nobody will run them.

        They are unfinished again, and so the end of the process names them.
        """
        with self._lock:
            back = self._response.tasks.tasks[first : self._counted]
            ledger.take_back(sum(task.status == "pending" for task in back))
            self._counted = first
            self._is_taking = False
            ledger.open(self._response)

    def _next(self) -> tuple[list[BackgroundTask], list[BackgroundTask]] | None:
        """Count what is new, set aside what is held, return both; None, and done, if nothing is."""
        tasks = self._response.tasks.tasks
        added = tasks[self._counted :]
        if not added:
            self._is_taking = False
            if not self.held_tasks:
                ledger.close(self._response)
            return None
        held = [task for task in added if task.hold is not None and task.hold.is_waiting]
        if held:
            if self._held is None:
                self._held = Held(self._response, self._lock, self._release)
            self._held.tasks += held
            for task in held:
                tasks.remove(task)
            added = [task for task in added if task not in held]
        self._counted += len(added)
        pending = [task for task in added if task.status == "pending"]
        ledger.count_added(len(pending))
        return pending, held

    def _runs_of(self, due: list[BackgroundTask]) -> list[Run]:
        if self._response.tasks.concurrent:
            return [self._new_run([task]) for task in due]
        if not due:
            return []
        self._due += due
        if self._run is None:
            self._run = self._new_run(self._due)
        elif not self._run.reopen():
            return []  # it is under way and will come to them
        return [self._run]

    def _new_run(self, tasks: list[BackgroundTask]) -> Run:
        response = self._response
        workers = workers_of(response.settings.max_workers)
        return Run(response, tasks, workers, response.loop or loop_thread())

    @property
    def held_tasks(self) -> list[BackgroundTask]:
        return [] if self._held is None else self._held.tasks

    def _release(self, task: BackgroundTask) -> None:
        """Go on with a task whose hold is decided: it is one that was added late."""
        self._response.tasks.tasks.append(task)
        self._response.take_late()

    def unfinished_tasks(self) -> list[BackgroundTask]:
        """Return the tasks that no run has: all of them before the end, then those held."""
        with self._lock:
            known = [*self._response.tasks.tasks[self._counted :], *self.held_tasks]
        return [task for task in known if task.status in ("pending", "running")]

    def withdraw(self, task: BackgroundTask, fate: Fate, reason: str) -> None:
        """Settle a task that will not run; under the collection's lock."""
        was_held = self._held is not None and self._held.release(task)
        if was_held or task in self._response.tasks.tasks[self._counted :]:
            ledger.count_added(1)
        self.fates.settle(task, fate, reason=reason)

    def withdraw_all(self, fate: Fate, reason: str) -> None:
        with self._lock:
            for task in list(self.held_tasks):
                self.withdraw(task, fate, reason)
            left = [task for task in self.unfinished_tasks() if not task.is_settled]
            ledger.count_added(len(left))
            for task in left:
                self.fates.settle(task, fate, reason=reason)

    def __del__(self) -> None:
        if not self._response.is_dispatched:
            ledger.close(self._response)
            abandon(self._response)
