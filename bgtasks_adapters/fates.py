"""What becomes of the tasks of one response: judged by its outcome, settled once, reported."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from bgtasks_adapters import events
from bgtasks_adapters.exceptions import ProcessTerminated
from bgtasks_adapters.outcome import Outcome, lets_run, why_skipped
from bgtasks_adapters.process import ledger

if TYPE_CHECKING:
    from bgtasks_adapters.outcome import Notes
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.tasks import BackgroundTask


class Fates:
    """Judge and settle the tasks of one response."""

    dispatched_at: float | None = None
    is_success_reported = True

    def __init__(self, settings: Settings, notes: Notes) -> None:
        self.failures: list[Exception] = []
        self._notes = notes
        self._when = settings.when
        self._observers = settings.observers

    def begin(self) -> None:
        """Note that the response is over and its tasks are on their way to the workers."""
        self.dispatched_at = time.time()
        self.is_success_reported = events.is_reported("succeeded", self._observers)

    def outcome_for(self, task: BackgroundTask) -> Outcome:
        """Return how the response ended, as it counts for this task."""
        return self._notes.outcome(task.view_error)

    def judged(self, tasks: list[BackgroundTask]) -> list[BackgroundTask]:
        """Return those tasks that the outcome lets run, and settle the others."""
        # Judged once: what most tasks have in common, and most responses let run.
        lets_most_run = self._notes.let_run(self._when)
        return [
            task
            for task in tasks
            if (lets_most_run and not (task.options.when or task.view_error or task.hold))
            or self.judge(task)
        ]

    def judge(self, task: BackgroundTask) -> bool:
        """Tell whether the outcome lets a task run; settle it if not."""
        outcome = self.outcome_for(task)
        try:
            if lets_run(outcome, task.options.when or self._when):
                return not self._is_dropped(task)
        except (Exception, SystemExit) as error:  # only a user's function can raise
            if isinstance(error, ProcessTerminated):
                raise
            error.add_note(f"Raised by the when= of task {task.name}, which therefore did not run.")
            self.settle(task, "failed", error=error)
            return False
        self.settle(task, "skipped", reason=why_skipped(outcome))
        return False

    def _is_dropped(self, task: BackgroundTask) -> bool:
        reason = None if task.hold is None else task.hold.why_dropped
        task.hold = None
        if reason is not None:
            self.settle(task, "skipped", reason=reason)
        return reason is not None

    def report_success(self, task: BackgroundTask, started_at: float) -> None:
        """Report a task that returned, where anybody hears of that: ``is_success_reported``."""
        self._report(task, "succeeded", self._observers, started_at=started_at)

    def settle(
        self,
        task: BackgroundTask,
        fate: events.Fate,
        *,
        error: BaseException | None = None,
        reason: str | None = None,
        started_at: float | None = None,
    ) -> None:
        """Give a task its final status, count and report it; only a task's first fate counts."""
        has_started = task.status == "running"
        is_first = ledger.settle(task, fate)
        if task.entry is not None and (is_first or fate != "left_over"):
            ended = partial(task.entry.settled, fate, has_started=has_started)
            if task.hold is None:
                ended()
            else:  # the entry may not be seen by others before the commit
                task.hold.call_when_decided(ended)
        if not is_first:
            return
        if isinstance(error, Exception):
            self.failures.append(error)
        observers = self._observers
        if task.options.observer is not None:
            observers = (*observers, task.options.observer)
        if events.is_reported(fate, observers):
            self._report(task, fate, observers, error, reason, started_at)
        else:
            task.context = None

    def _report(
        self,
        task: BackgroundTask,
        fate: events.Fate,
        observers: tuple[events.Observer, ...],
        error: BaseException | None = None,
        reason: str | None = None,
        started_at: float | None = None,
    ) -> None:
        context, task.context = task.context, None  # the context holds the collection: a cycle
        event = events.TaskEvent(
            fate,
            task,
            self.outcome_for(task) if self._notes.is_over else None,
            error,
            reason,
            self.dispatched_at,
            started_at,
            None if started_at is None else time.time(),
        )
        if context is None:  # put into the collection's list by hand, and never run
            events.report(event, observers)
        else:  # in a copy, because the thread of a task left over may still be inside it
            context.copy().run(events.report, event, observers)
