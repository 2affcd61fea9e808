"""The tasks of one response, from the first that is added to the end of the last.

A response has this only once it has a task. What its adapters see of it is noted in ``dispatch``;
here that decides what becomes of the tasks, and runs are made of those that may run.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bgtasks_adapters.activity import Activity
from bgtasks_adapters.fates import Fates
from bgtasks_adapters.holds import Held
from bgtasks_adapters.process import ledger
from bgtasks_adapters.runner import Run

if TYPE_CHECKING:
    from typing import Protocol

    from bgtasks_adapters.captors import Captor
    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.holds import Response as HoldingResponse
    from bgtasks_adapters.outcome import Notes
    from bgtasks_adapters.runs import Response as RunningResponse
    from bgtasks_adapters.tasks import BackgroundTask

    class Response(RunningResponse, HoldingResponse, Protocol):
        """What is asked of the response whose work it is; see ``dispatch.ResponseScope``."""

        tasks: list[BackgroundTask]
        notes: Notes
        captor: Captor | None


class Work:
    """The tasks of one response: which of them are counted, judged, held, and due.

    Its response, which holds it, is given to what asks of it: held here it would be a cycle.
    """

    # With the class, because few responses have it otherwise.
    _counted = 0
    _is_taking = False
    _is_stopped = False
    _run: Run | None = None
    _held: Held | None = None

    def __init__(self, response: Response) -> None:
        settings = response.settings
        captor = response.captor
        self.fates = Fates(
            settings if captor is None else captor.observed(settings), response.notes
        )
        self.activity = Activity()
        self.lock = threading.RLock()

    def take(self, response: Response) -> list[Run]:
        """Judge all that was added since the last time; return the runs that are to start.

        One thread at a time: another one that comes here meanwhile leaves what it has added to
        the first, which looks once more before it goes.
        """
        with self.lock:
            if self._is_taking:
                return []
            self._is_taking = True
            first, new = self._counted, self._next(response)
        due: list[BackgroundTask] = []
        try:
            if self.fates.dispatched_at is None:
                self.fates.begin()
            while True:
                if self._held is not None:
                    self._held.watch_new()
                due += self.fates.judged(new)
                with self.lock:
                    if self._counted == len(response.tasks):
                        self._is_taking = False
                        if self._held is None or not self._held.tasks:
                            ledger.close(response)
                        return self._runs_of(response, due) if due else []
                    new = self._next(response)
        except BaseException:
            self._take_back(response, first)
            raise

    def _take_back(self, response: Response, first: int) -> None:
        """Count nothing from the first one on: interrupted, so that nobody will run them.

        They are unfinished again, and so the end of the process names them.
        """
        with self.lock:
            back = response.tasks[first : self._counted]
            ledger.take_back(sum(task.status == "pending" for task in back))
            self._counted = first
            self._is_taking = False
            ledger.open(response)

    def _next(self, response: Response) -> list[BackgroundTask]:
        """Count what is new, under the lock; set aside what is held, return what may start."""
        pending: list[BackgroundTask] = []
        held = 0
        added = response.tasks[self._counted :]
        for task in added:
            if task.hold is not None and task.hold.is_waiting:
                self._hold(response, task)
                held += 1
            elif task.status == "pending":
                pending.append(task)
        self._counted += len(added) - held
        ledger.count_added(len(pending))
        return pending

    def _hold(self, response: Response, task: BackgroundTask) -> None:
        if self._held is None:
            self._held = Held(response, self.lock)
        self._held.add(task)
        response.tasks.remove(task)

    def _runs_of(self, response: Response, due: list[BackgroundTask]) -> list[Run]:
        if response.concurrent:
            return [Run(self, response, [task]) for task in due]
        if self._run is not None:
            self._run.tasks += due
            return []  # it is under way and will come to them
        self._run = Run(self, response, due)
        self._run.is_stopped = self._is_stopped
        return [self._run]

    def finished(self, run: Run) -> None:
        """Let go of a run whose last task has ended, under the lock; late ones have another."""
        if self._run is run:
            self._run, self._is_stopped = None, run.is_stopped

    @property
    def held_tasks(self) -> list[BackgroundTask]:
        return [] if self._held is None else self._held.tasks

    def unfinished_tasks(self, response: Response) -> list[BackgroundTask]:
        """Return the tasks that no run has: all of them before the end, then those held."""
        with self.lock:
            known = [*response.tasks[self._counted :], *self.held_tasks]
        return [task for task in known if task.status in ("pending", "running")]

    def withdraw(self, response: Response, task: BackgroundTask, fate: Fate, reason: str) -> bool:
        """Settle a task that has not started; False if it has."""
        with self.lock:
            if task.status != "pending":
                return False
            was_held = self._held is not None and self._held.release(task)
            if was_held or task in response.tasks[self._counted :]:
                ledger.count_added(1)
            self.fates.settle(task, fate, reason=reason)
            return True

    def withdraw_all(self, response: Response, fate: Fate, reason: str) -> None:
        with self.lock:
            for task in list(self.held_tasks):
                self.withdraw(response, task, fate, reason)
            left = [task for task in self.unfinished_tasks(response) if not task.is_settled]
            ledger.count_added(len(left))
            for task in left:
                self.fates.settle(task, fate, reason=reason)
