"""Tasks that wait for more than the end of their response: a commit, in a framework that has one.

A host's *hold* says what a task waits for. While it is undecided the task is out of its collection,
so that no run comes to it; decided, it is one that was added late.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from bgtasks_adapters.process import ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from bgtasks_adapters.process import OpenResponse
    from bgtasks_adapters.tasks import BackgroundTask

    class Response(OpenResponse, Protocol):
        """Whose tasks are held; see ``dispatch.ResponseScope``."""

        def go_on_with(self, task: BackgroundTask, /) -> None:
            """Take a task whose hold is decided as one that was added late."""


class Hold(Protocol):
    """What one task waits for, besides the end of its response."""

    @property
    def is_waiting(self) -> bool:
        """Whether it is undecided if the task may run."""
        ...

    @property
    def why_dropped(self) -> str | None:
        """Why it was decided that the task may not run; None if it may."""

    def call_when_decided(self, callback: Callable[[], object], /) -> None:
        """Call ``callback`` once, on whatever thread decides; at once, if that has been."""


class Held:
    """The tasks of a response that is over, but that still wait."""

    def __init__(self, response: Response, lock: AbstractContextManager[object]) -> None:
        self._response = response
        self._lock = lock
        self._new: list[BackgroundTask] = []
        self.tasks: list[BackgroundTask] = []

    def add(self, task: BackgroundTask) -> None:
        """Hold a task, under the lock."""
        self.tasks.append(task)
        self._new.append(task)

    def watch_new(self) -> None:
        """Have each task that was added since go on when its hold is decided."""
        with self._lock:
            new, self._new = self._new, []
        for task in new:
            if task.hold is not None:
                task.hold.call_when_decided(partial(self._go_on, task))

    def _go_on(self, task: BackgroundTask) -> None:
        with self._lock:
            is_held = self.release(task)
        if is_held:  # not taken back, nor given up by the end of the process
            self._response.go_on_with(task)

    def release(self, task: BackgroundTask) -> bool:
        """Hold a task no longer, under the lock; False if it was not held."""
        if task not in self.tasks:
            return False
        self.tasks.remove(task)
        if not self.tasks:
            ledger.close(self._response)
        return True
