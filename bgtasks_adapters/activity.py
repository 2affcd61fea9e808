"""Whether runs of a response are under way, for those who wait for their end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bgtasks_adapters.concurrency import ThreadEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Activity:
    """Count the runs of a response that are under way, for those who wait for them."""

    def __init__(self, lock: AbstractContextManager[object]) -> None:
        self._lock = lock
        self._runs = 0
        self._callbacks: list[Callable[[], object]] = []

    def started(self) -> None:
        with self._lock:
            self._runs += 1

    def finished(self) -> None:
        with self._lock:
            self._runs -= 1
            if self._runs:
                return
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def call_when_none(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once when no run is under way; at once if that is so already."""
        with self._lock:
            if self._runs:
                self._callbacks.append(callback)
                return
        callback()

    def wait_here(self) -> None:
        """Wait, on this thread, until no run is under way."""
        none_is_left = threading.Event()
        self.call_when_none(none_is_left.set)
        none_is_left.wait()

    async def wait(self) -> None:
        """Wait, on any loop, until no run is under way."""
        none_is_left = ThreadEvent()
        self.call_when_none(none_is_left.set)
        await none_is_left.wait()
