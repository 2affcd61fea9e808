"""The capture of a test: it notes each task, and has it run now, later or never.

The capture is the process's own captor (``captors``): while it is, whatever response begins, on
whatever thread or loop and below whatever adapter, hands its tasks over to it.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Literal

from bgtasks_adapters.captors import current
from bgtasks_adapters.concurrency import ThreadEvent, is_on_loop
from bgtasks_adapters.exceptions import CaptureError
from bgtasks_adapters.testing import verdict
from bgtasks_adapters.testing.captured import Record

if TYPE_CHECKING:
    from bgtasks_adapters.captors import Response
    from bgtasks_adapters.events import TaskEvent
    from bgtasks_adapters.runs import Runs
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.tasks import BackgroundTask

When = Literal["now", "later", "never"]


class Capture:
    """One capture: a captor while it is active, and what its test is told."""

    def __init__(self, run: When, timeout: float) -> None:
        self.when = run
        self.timeout = timeout
        self.records: list[Record] = []
        self.place = ""
        self._by_id: dict[int, Record] = {}
        self._kept: list[Runs] = []
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

    def note_added(self, response: Response, task: BackgroundTask, /) -> None:
        record = Record(task, response, threading.get_ident())
        with self._lock:
            self.records.append(record)
            self._by_id[id(task)] = record

    def lets_run(self, runs: Runs, /) -> bool:
        with self._lock:
            if self._is_active and (self.when == "now" or self._is_running):
                return True
            runs.note_kept()
            if self._is_active:
                self._kept.append(runs)
        if not self._is_active:
            runs.give_up("cancelled", self._why_not_run)
        self._notify()
        return False

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
        for runs in kept:
            runs.give_up("cancelled", self._why_not_run)
        for record in self._unfinished():
            if not record.is_due and not record.response.is_open_connection:
                record.response.withdraw_all("cancelled", self._why_not_run)

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
            while (runs := self._next_kept()) is not None:
                runs.run_here()
        finally:
            self._is_running = False
        self.wait()

    async def arun(self) -> None:
        self._check_can_run()
        self._is_running = True
        try:
            while (runs := self._next_kept()) is not None:
                await runs.run_awaited()
        finally:
            self._is_running = False
        await self.await_all()

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

    def _next_kept(self) -> Runs | None:
        with self._lock:
            if not self._kept:
                return None
            _check_loop(self._kept[0])
            return self._kept.pop(0)

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
            return [r for r in self.records if not r.has_ended and not self._is_kept(r)]

    def _is_kept(self, record: Record) -> bool:
        return any(runs.is_kept_for(record.task) for runs in self._kept)

    def _worth_waiting_for(self) -> list[Record]:
        # Of a response, or a commit, that this very thread has to end there will be no more.
        mine = threading.get_ident()
        return [
            record
            for record in self._unfinished()
            if record.is_due or (record.thread != mine and not record.response.is_open_connection)
        ]

    def _check_all_ended(self) -> None:
        found = [record for record in self._unfinished() if not record.response.is_open_connection]
        if found:
            lines = [f"  {record.call}: {self._why(record)}." for record in found]
            raise CaptureError("\n".join(["Some tasks did not end:", *lines]))

    def _why(self, record: Record) -> str:
        if not record.response.is_over:
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


def _check_loop(runs: Runs) -> None:
    asleep = [task for task in runs.unfinished_tasks() if task.is_async and not runs.has_loop()]
    if asleep:
        raise CaptureError(
            f"The context of {asleep[0].name} is gone: it is an async task, and the event loop "
            "of its response no longer runs. Await captured.arun() on that loop, keep the "
            'loop (`with TestClient(app) as client:`), or take run="now".'
        )
