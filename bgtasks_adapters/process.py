"""What this process still owes: its unfinished runs, the counts of every fate, and ``drain``.

One ``ledger`` a process. A forked child starts with an empty one: what its parent queued stays
the parent's.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from bgtasks_adapters.events import FATES, Fate
from bgtasks_adapters.exceptions import InvalidOptionError, TooManyPendingTasksError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from bgtasks_adapters.tasks import BackgroundTask

    class Unfinished(Protocol):
        """Something that still holds tasks: a run, or a response that is not over."""

        def unfinished_tasks(self) -> Sequence[BackgroundTask]: ...

        def leave_over(self, reason: str, /) -> None:
            """Give up every task that has not ended, and report each as left over."""

        def outlive_the_server(self, seconds: float, /) -> None:
            """See that what waits on a loop goes on, now that the main thread has ended."""

    class OpenResponse(Unfinished, Protocol):
        """A response, or a connection, that is not over."""

        def end_with_process(self) -> None:
            """Start the tasks of a connection that nobody ended before the main thread did."""


class Stats(NamedTuple):
    """Counts of this process since its start.

    ``added`` equals the sum of all the fates plus ``pending`` (waiting for their response,
    waiting for a worker, or running).
    """

    added: int
    pending: int
    succeeded: int
    failed: int
    timed_out: int
    skipped: int
    replaced: int
    cancelled: int
    left_over: int
    handed_off: int


class _Waiter(NamedTuple):
    is_due: Callable[[], bool]
    callback: Callable[[], object]


_MANY = 1000


class Ledger:
    """Count tasks and keep what is unfinished.

    Requests that queue a task, and threads that run one, share no lock here: what they do is one
    step of a built-in container each. Whoever waits for something first says so and then looks,
    they do it the other way round, and so it is seen by the one or the other.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a process that has just begun."""
        # Reentrant, because a garbage collection may dispatch an abandoned response (see
        # Work.__del__) on a thread that is inside one of these methods.
        self._lock = threading.RLock()
        self._dispatched: deque[None] = deque()
        """One for each task that is with the workers."""
        self._succeeded: deque[None] = deque()
        """One for each that has succeeded since they were last added up in ``_fates``."""
        self._fates: dict[Fate, int] = dict.fromkeys(FATES, 0)
        self._runs: dict[Unfinished, None] = {}
        self._open: dict[int, weakref.ref[OpenResponse]] = {}
        self._waiters: list[_Waiter] = []
        self.left_over: list[str] = []

    def open(self, response: OpenResponse) -> None:
        """Remember a response that has tasks and is not over, as long as it lives."""
        self._open[id(response)] = weakref.ref(response)

    def close(self, response: OpenResponse) -> None:
        self._open.pop(id(response), None)

    def count_added(self, number: int) -> None:
        self._dispatched.extend(repeat(None, number))

    def take_back(self, number: int) -> None:
        """Count so many tasks as not added yet, after all."""
        for _ in range(number):
            self._dispatched.pop()

    def succeed(self, task: BackgroundTask) -> bool:
        """Do what ``settle`` does, for the one fate that is so frequent that its steps count."""
        try:
            del task.is_unsettled  # as task.settle() does
        except AttributeError:
            return False
        task.status = "succeeded"
        self._succeeded.append(self._dispatched.pop())
        if self._waiters:
            self._call_waiters()
        return True

    def settle(self, task: BackgroundTask, fate: Fate) -> bool:
        """Give a task its final status and count it; False if it has one, which stays."""
        with self._lock:
            if not task.settle(fate):
                return False
            self._fates[fate] += 1
            self._dispatched.pop()
            if fate == "left_over":
                self.left_over.append(task.name)
        if self._waiters:
            self._call_waiters()
        return True

    def start(self, run: Unfinished) -> None:
        self._runs[run] = None

    def finish(self, run: Unfinished) -> None:
        self._runs.pop(run, None)
        if len(self._succeeded) > _MANY:
            self._add_up()
        if self._waiters:
            self._call_waiters()

    def _add_up(self) -> None:
        with self._lock:
            while True:
                try:
                    self._succeeded.pop()
                except IndexError:
                    return
                self._fates["succeeded"] += 1

    @property
    def dispatched(self) -> int:
        """The number of tasks that are with the workers: waiting there, or running."""
        return len(self._dispatched)

    def has_room(self, limit: int) -> bool:
        return len(self._dispatched) < limit

    def refuse_beyond(self, limit: int, task: BackgroundTask, waiting: int) -> None:
        """Raise if there is no room for a task, beside those ``waiting`` in its own response."""
        if not self.has_room(limit - waiting):
            raise TooManyPendingTasksError(
                f"{task.name} was not added: {limit} background tasks wait or run in this "
                "process (setting max_pending). Answer with 503, raise the limit, or let "
                'responses wait with overflow="wait".'
            )

    def call_when_room(self, limit: int, callback: Callable[[], object]) -> None:
        """Call ``callback`` once, from some thread, when fewer than ``limit`` tasks are left."""
        self._call_when(_Waiter(lambda: self.has_room(limit), callback))

    def call_when_idle(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once, from some thread, when no run is left."""
        self._call_when(_Waiter(lambda: not self._runs, callback))

    def _call_when(self, waiter: _Waiter) -> None:
        with self._lock:
            self._waiters.append(waiter)
        self._call_waiters()

    def _call_waiters(self) -> None:
        with self._lock:
            due = [waiter for waiter in self._waiters if waiter.is_due()]
            for waiter in due:
                self._waiters.remove(waiter)
        for waiter in due:
            waiter.callback()

    def wait_until_idle(self, timeout: float | None) -> bool:
        """Wait until no run is left; False if that took longer than ``timeout`` seconds."""
        is_idle = threading.Event()
        waiter = _Waiter(lambda: not self._runs, is_idle.set)
        self._call_when(waiter)
        if is_idle.wait(timeout):
            return True
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        return is_idle.is_set()

    def runs(self) -> list[Unfinished]:
        return list(self._runs)

    def open_responses(self) -> list[OpenResponse]:
        found = (reference() for reference in list(self._open.values()))
        return [response for response in found if response is not None]

    def stats(self) -> Stats:
        undispatched = sum(len(r.unfinished_tasks()) for r in self.open_responses())
        self._add_up()
        with self._lock:
            pending = self.dispatched + undispatched
            fates = dict(self._fates)
        return Stats(added=pending + sum(fates.values()), pending=pending, **fates)


ledger = Ledger()
_fork_callbacks: list[Callable[[], object]] = []


def call_in_forked_child(callback: Callable[[], object]) -> None:
    """Have ``callback`` called in every forked child: threads do not survive a fork."""
    if not _fork_callbacks:
        _fork_callbacks.append(ledger.reset)
        os.register_at_fork(after_in_child=_forget_parent)
    _fork_callbacks.append(callback)


def _forget_parent() -> None:
    for callback in _fork_callbacks:
        callback()


def drain(timeout: float | None = None) -> bool:
    """Wait until every task whose response is over has ended; True if so.

    Blocks the calling thread for at most ``timeout`` seconds (None: without limit) and stops
    nothing: what did not end in time goes on. For scripts and tests; a server's shutdown drains
    by itself. Raises ``RuntimeError`` on an event loop, which it would block: there, use
    ``await anyio.to_thread.run_sync(drain, 5)``. Inside a task it would wait for that task.
    """
    from bgtasks_adapters.concurrency import is_on_loop

    _check_timeout(timeout)
    if is_on_loop():
        raise RuntimeError(
            "drain() was called on an event loop, which it would block. "
            "Use: await anyio.to_thread.run_sync(drain, timeout)"
        )
    return ledger.wait_until_idle(timeout)


def _check_timeout(timeout: object) -> None:
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if timeout is not None and not is_number:
        raise InvalidOptionError(f"drain({timeout!r}): a timeout is a number of seconds, or None.")


def stats() -> Stats:
    """Return how many tasks this process has had, and what became of them."""
    return ledger.stats()
