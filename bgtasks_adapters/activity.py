"""Whether runs of a response are under way, for those who wait for their end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bgtasks_adapters.concurrency import ThreadEvent

if TYPE_CHECKING:
    from collections.abc import Callable


class Activity:
    """The runs of a response that are under way, for those who wait for them.

    Without a lock: who waits says so first and then looks, who ends does it the other way round.
    """

    def __init__(self) -> None:
        self._runs: set[object] = set()
        self._callbacks: list[Callable[[], object]] = []

    def started(self, run: object) -> None:
        self._runs.add(run)

    def finished(self, run: object) -> None:
        self._runs.discard(run)
        if self._callbacks:
            self._call_if_none()

    def call_when_none(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once when no run is under way; at once if that is so already."""
        self._callbacks.append(callback)
        self._call_if_none()

    def _call_if_none(self) -> None:
        while not self._runs:
            try:
                callback = self._callbacks.pop()
            except IndexError:
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
