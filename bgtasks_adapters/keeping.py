"""The journal at work: entries written where tasks are added, deleted where they end.

An entry is written on the thread that adds the task, so that it is there before the response is.
All else is done by one thread of the journal's own: it deletes the entries of tasks that ended,
many at a time, and looks for what processes that died have left; see ``recovery``.
"""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from bgtasks_adapters import process
from bgtasks_adapters.descriptions import describe
from bgtasks_adapters.entries import Entry, Keeper
from bgtasks_adapters.events import logger
from bgtasks_adapters.exceptions import BackgroundTasksError, JournalError
from bgtasks_adapters.recovery import Recovery
from bgtasks_adapters.shutdown import shutdown
from bgtasks_adapters.stores import NewRow

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from bgtasks_adapters.entries import Response
    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.stores import Leases, Store
    from bgtasks_adapters.tasks import BackgroundTask

CRASHES = 3
"""When so many processes have died with a task, nobody runs it any more, unless told otherwise."""
LOOK_SECONDS = 5.0
"""How often a process looks for what others have left."""
RETRY_SECONDS = 5.0
"""How soon a task is tried again whose engine was not to be had."""


class _Change(NamedTuple):
    number: int
    reason: str | None = None
    due_in: float | None = None
    """Seconds until any process may have it; None if its entry goes."""


class _Flush(NamedTuple):
    is_done: threading.Event


class _End(NamedTuple):
    pass


class StoredEntry(Entry):
    """An entry in a store."""

    __slots__ = ("_keeper", "_number")

    def __init__(self, keeper: StoredKeeper, number: int) -> None:
        self._keeper = keeper
        self._number = number

    def settled(self, fate: Fate, *, has_started: bool) -> None:
        if fate != "left_over":
            self._keeper.note(_Change(self._number))
        elif not has_started:  # else it may still run, for as long as this process is there
            self._keeper.note(_Change(self._number, None, 0.0))

    def postpone(self, reason: str) -> None:
        self._keeper.note(_Change(self._number, reason, RETRY_SECONDS))


class StoredKeeper(Keeper):
    """Keep entries in a store, under the lease of this process."""

    def __init__(self, store: Store, leases: Leases, set_aside_after: int) -> None:
        self.store = store
        self.leases = leases
        self.set_aside_after = set_aside_after
        self._is_fork_safe = False
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._inbox: queue.SimpleQueue[_Change | _Flush | _End] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._owner: str | None = None
        self._recovery: Recovery | None = None
        self._is_failing = False
        self._is_flushed_at_end = False

    def _forget_parent(self) -> None:
        self.store.forget_connection()
        self.leases.forget()
        self._start_anew()

    # Where tasks are added, and end.

    def begin(self, response: Response, /) -> None:
        if self._recovery is None:
            with self._lock:
                if self._recovery is None:
                    self._recovery = Recovery(self, response)
            self._start_thread()

    def check(self, task: BackgroundTask, /) -> None:
        describe(task)

    def entry_for(self, task: BackgroundTask, response: Response, /) -> Entry | None:
        described = describe(task)
        with self._adding(task):
            owner = self._owner or self.take_lease()
            row = NewRow(
                uuid4().hex if task.job is None else task.job.id,
                f"{id(response):x}",
                *described,
                task.name,
                time(),
                owner,
            )
            number = self.store.add(row)
        if self._thread is None:
            self._start_thread()
        return StoredEntry(self, number)

    @contextmanager
    def _adding(self, task: BackgroundTask) -> Generator[None]:
        try:
            yield
        except BackgroundTasksError:
            raise
        except Exception as error:
            raise JournalError(
                f"add_task({task.name}, ...): the journal could not be written ({error}), so the "
                "task was not added. Let the error reach the client, who may try again; or let "
                "this one task do without: tasks.using(journal=False).add_task(...)"
            ) from error

    def take_lease(self) -> str:
        """Return the name under which this process lives, and has its entries."""
        with self._lock:
            self._become_fork_safe()
            if self._owner is None:
                self._owner = self.leases.take()
            return self._owner

    def _become_fork_safe(self) -> None:
        if not self._is_fork_safe:
            self._is_fork_safe = True
            process.call_in_forked_child(self._forget_parent)

    def entry_of(self, number: int) -> Entry:
        return StoredEntry(self, number)

    def note(self, change: _Change) -> None:
        self._inbox.put(change)

    # The journal's thread.

    def _start_thread(self) -> None:
        # It takes the lease itself: here may be an event loop, which cannot wait for a database.
        with self._lock:
            self._become_fork_safe()
            if self._thread is None:
                thread = threading.Thread(
                    target=self._serve, name="bgtasks-journal", args=(self._inbox,), daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:
                    # The interpreter ends already: flush() does the rest.
                    logger.debug("No thread could be started for the journal")
                else:
                    self._thread = thread
                if not self._is_flushed_at_end:
                    self._is_flushed_at_end = True
                    shutdown.call_at_end(self.flush)

    def flush(self, seconds: float) -> None:
        """Wait until what has ended so far is deleted, for so many seconds at most."""
        if self._thread is None:
            changes = [item for item in _received(self._inbox, 0.0) if isinstance(item, _Change)]
            if changes:
                self._write(changes)
            return
        is_done = threading.Event()
        self._inbox.put(_Flush(is_done))
        if not is_done.wait(seconds):
            logger.error(
                "The journal did not take note within %g s of tasks that ended: they will run once "
                "more",
                seconds,
            )

    def close(self) -> None:
        """End the thread, the lease and the connection; for tests, and for commands."""
        with self._lock:
            thread, self._thread, self._recovery = self._thread, None, None
            self._owner = None
        if thread is not None:
            self._inbox.put(_End())
            thread.join()
        self.leases.end()
        self.store.close()

    def _serve(self, inbox: queue.SimpleQueue[_Change | _Flush | _End]) -> None:
        changes: list[_Change] = []
        next_look = 0.0
        while True:
            received = _received(inbox, next_look - monotonic())
            changes += [item for item in received if isinstance(item, _Change)]
            if changes and self._succeeds(partial(self._write, changes)):
                if self._recovery is not None and self._go_on(self._recovery, changes):
                    next_look = 0.0
                changes = []
            if monotonic() >= next_look:
                self._succeeds(self._look)
                next_look = monotonic() + LOOK_SECONDS
            for item in received:
                if isinstance(item, _Flush) and not changes:
                    item.is_done.set()
                elif isinstance(item, _End):
                    return

    def _write(self, changes: list[_Change]) -> None:
        self.store.delete([change.number for change in changes if change.due_in is None])
        for change in changes:
            if change.due_in is not None:
                self.store.release([change.number], time() + change.due_in, change.reason)

    def _go_on(self, recovery: Recovery, changes: list[_Change]) -> bool:
        """Let others take the place of what has ended; True if they have to be looked for."""
        recovery.ended(change.number for change in changes)
        self._succeeds(recovery.go_on)
        return recovery.has_to_look

    def _look(self) -> None:
        self.leases.tidy()
        if self._recovery is not None:
            self._recovery.look()

    def _succeeds(self, step: Callable[[], None]) -> bool:
        """Take a step; one that fails is taken again later, and said once."""
        try:
            step()
        except Exception:
            if not self._is_failing:
                logger.exception("The journal cannot be read or written; this is tried again")
            self._is_failing = True
            return False
        self._is_failing = False
        return True


def _received(
    inbox: queue.SimpleQueue[_Change | _Flush | _End], seconds: float
) -> list[_Change | _Flush | _End]:
    """Wait for something, for at most so many seconds, and return all that is there then."""
    found: list[_Change | _Flush | _End] = []
    try:
        found.append(inbox.get(timeout=max(0.0, seconds)))
        while True:
            found.append(inbox.get_nowait())
    except queue.Empty:
        return found
