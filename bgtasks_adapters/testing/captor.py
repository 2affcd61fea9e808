"""The capture of a test: it notes each task, and has it run now, later or never.

The capture is the process's own captor (``captors``): while it is, whatever response begins, on
whatever thread or loop and below whatever adapter, hands its tasks over to it.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Literal

from bgtasks_adapters.captors import current
from bgtasks_adapters.concurrency import ThreadEvent, is_on_loop, running_asyncio_loop
from bgtasks_adapters.exceptions import CaptureError
from bgtasks_adapters.process import ledger
from bgtasks_adapters.testing import verdict
from bgtasks_adapters.testing.captured import Record

if TYPE_CHECKING:
    from bgtasks_adapters.dispatch import ResponseScope
    from bgtasks_adapters.events import TaskEvent
    from bgtasks_adapters.runner import Run
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.tasks import BackgroundTask
    from bgtasks_adapters.workers import Loop

When = Literal["now", "later", "never"]


class Capture:
    """One capture: a captor while it is active, and what its test is told."""

    def __init__(self, run: When, timeout: float) -> None:
        self.when = run
        self.timeout = timeout
        self.records: list[Record] = []
        self.place = ""
        self._by_id: dict[int, Record] = {}
        self._kept: list[tuple[ResponseScope, list[Run]]] = []
        self._is_active = False
        self._is_running = False
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._wakers: list[ThreadEvent] = []

    # What the responses ask (captors.Captor).

    def observed(self, settings: Settings, /) -> Settings:
        if self.note_fate in settings.observers:  # of a scope within this one's
            return settings
        return dataclasses.replace(settings, observers=(*settings.observers, self.note_fate))

    def note_added(self, scope: ResponseScope, task: BackgroundTask, /) -> None:
        record = Record(task, scope, threading.get_ident())
        with self._lock:
            self.records.append(record)
            self._by_id[id(task)] = record

    def let_run(self, scope: ResponseScope, runs: list[Run], /) -> list[Run]:
        with self._lock:
            if self._is_active and (self.when == "now" or self._is_running):
                return runs
            for run in runs:
                ledger.finish(run)  # so that drain() does not wait for it
            if self._is_active:
                self._kept.append((scope, runs))
        if not self._is_active:
            self._drop(scope, runs)
        self._notify()
        return []

    def note_fate(self, event: TaskEvent) -> None:
        """Note what became of a task; on the thread or loop where it did."""
        record = self._by_id.get(id(event.task))
        if record is not None:
            record.event = event
            self._notify()

    def _notify(self) -> None:
        with self._lock:
            self._changed.notify_all()
            wakers, self._wakers = self._wakers, []
        for waker in wakers:
            waker.set()

    # Its beginning and its end.

    def begin(self, place: str) -> None:
        other = current.captor
        if other is not None:
            known = other.description if isinstance(other, Capture) else repr(other)
            raise CaptureError(
                f"Tasks are captured already, by {known}. There is one capture at a time, because "
                "tasks come from any thread: use what that one gives (the fixture background_tasks "
                'is one, too; @pytest.mark.background_tasks(run="later") says how it runs tasks).'
            )
        self.place = place
        self._is_active = True
        current.captor = self

    @property
    def description(self) -> str:
        return f"capture_background_tasks(run={self.when!r}) in {self.place}"

    def end(self) -> None:
        """Capture no more, and give up what was not run."""
        if not self._is_active:
            return
        with self._lock:
            self._is_active = False
            current.captor = None
            kept, self._kept = self._kept, []
        for scope, runs in kept:
            self._drop(scope, runs)
        for record in self._unfinished():
            if not record.is_due and not record.scope.is_open_connection:
                record.scope.withdraw_all("cancelled", self._why_not_run)

    def _drop(self, scope: ResponseScope, runs: list[Run]) -> None:
        for run in runs:
            for task in run.unfinished_tasks():
                scope.fates.settle(task, "cancelled", reason=self._why_not_run)

    @property
    def _why_not_run(self) -> str:
        return f"it was captured, with run={self.when!r}, and not run"

    # Running what was kept, and waiting for the rest.

    def run(self) -> None:
        self._check_can_run()
        if is_on_loop():
            raise CaptureError(
                "run() was called on an event loop, which it would block. "
                "Use: await captured.arun()"
            )
        self._is_running = True
        try:
            while (kept := self._next_kept()) is not None:
                scope, runs = kept
                scope.run_these_here(runs)
        finally:
            self._is_running = False
        self.wait()

    async def arun(self) -> None:
        self._check_can_run()
        self._is_running = True
        try:
            while (kept := self._next_kept()) is not None:
                await self._await_runs(*kept)
        finally:
            self._is_running = False
        await self.await_all()

    async def _await_runs(self, scope: ResponseScope, runs: list[Run]) -> None:
        if scope.test_thread() is not None or scope.loop is None or _is_running_here(scope.loop):
            await scope.await_these(runs)
            return
        for run in runs:  # on the loop that they belong to
            run.start()
        await scope.activity.wait()

    def _check_can_run(self) -> None:
        if not self._is_active:
            raise CaptureError(
                f"The context of these tasks is gone: {self.description} has ended, and what it "
                "had not run was given up. Call run() inside its block."
            )
        if self.when == "never":
            raise CaptureError(
                'run() was called, but tasks are captured with run="never". '
                'Take run="later", which runs them here.'
            )

    def _next_kept(self) -> tuple[ResponseScope, list[Run]] | None:
        with self._lock:
            if not self._kept:
                return None
            scope, runs = self._kept[0]
            self._check_loop(scope, runs)
            return self._kept.pop(0)

    def _check_loop(self, scope: ResponseScope, runs: list[Run]) -> None:
        asleep = [
            task
            for run in runs
            for task in run.unfinished_tasks()
            if task.is_async and not _has_loop(scope)
        ]
        if asleep:
            raise CaptureError(
                f"The context of {asleep[0].name} is gone: it is an async task, and the event loop "
                "of its response no longer runs. Await captured.arun() on that loop, keep the "
                'loop (`with TestClient(app) as client:`), or take run="now".'
            )

    def wait(self) -> None:
        """Wait until every task that can has its fate; raise ``CaptureError`` of the others."""
        with self._changed:
            self._changed.wait_for(lambda: not self._worth_waiting_for(), self.timeout)
        self._check_all_ended()

    async def await_all(self) -> None:
        """Do the same on a loop."""
        import anyio

        with anyio.move_on_after(self.timeout):
            while True:
                waker = ThreadEvent()
                with self._lock:
                    if not self._worth_waiting_for():
                        break
                    self._wakers.append(waker)
                await waker.wait()
        self._check_all_ended()

    def _unfinished(self) -> list[Record]:
        """Return those that are to run and have not ended."""
        with self._lock:
            kept = {id(scope) for scope, _ in self._kept}
            return [
                record
                for record in self.records
                if record.event is None and not (record.is_due and id(record.scope) in kept)
            ]

    def _worth_waiting_for(self) -> list[Record]:
        # Of a response, or a commit, that this very thread has to end there will be no more.
        mine = threading.get_ident()
        return [
            record
            for record in self._unfinished()
            if record.is_due or (record.thread != mine and not record.scope.is_open_connection)
        ]

    def _check_all_ended(self) -> None:
        found = [record for record in self._unfinished() if not record.scope.is_open_connection]
        if found:
            lines = [f"  {record.call}: {self._why(record)}." for record in found]
            raise CaptureError("\n".join(["Some tasks did not end:", *lines]))

    def _why(self, record: Record) -> str:
        if not record.scope.is_over:
            return (
                "its response is not over. Read its body to the end, or close it "
                "(Flask: `with client.get(...) as response:`)"
            )
        if record.is_held:
            return "it waits for the commit of a transaction that is still open"
        if record.task.status == "running":
            return f"it still runs, after {self.timeout} s"
        return (
            "it waits for its thread or loop. On an event loop use "
            "`async with capture_background_tasks()`, or `await captured.arun()`"
        )

    # What fails a test.

    def check(self) -> None:
        """Raise for the tasks that failed unexpectedly; then for those that did not run."""
        verdict.raise_unexpected(self.records)
        if self.when == "now" and not is_on_loop():
            self.wait()
            verdict.raise_unexpected(self.records)
        elif self.when == "now":
            self._check_all_ended()

    async def acheck(self) -> None:
        """Do the same on a loop, where tasks may still have to end."""
        verdict.raise_unexpected(self.records)
        if self.when == "now":
            await self.await_all()
            verdict.raise_unexpected(self.records)

    def note_unexpected(self, error: BaseException) -> None:
        """Say in a note to what a test raised by itself that tasks failed, too."""
        verdict.note_unexpected(self.records, error)


def _is_running_here(loop: Loop) -> bool:
    return loop.is_running_here(running_asyncio_loop())


def _has_loop(scope: ResponseScope) -> bool:
    return scope.test_thread() is not None or scope.loop is None or scope.loop.is_alive()
