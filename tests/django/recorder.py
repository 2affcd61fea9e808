"""An observer that keeps what became of each task, as plain values.

It must not keep the events: an error holds its traceback, and so the request and its scope, and
then an abandoned response would never be collected.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from bgtasks_adapters import TaskEvent

PATIENCE = 10.0


class Fate(NamedTuple):
    name: str
    kind: str
    reason: str | None
    error: str | None
    returned: bool | None
    status: int | None
    is_disconnected: bool | None


class Recorder:
    """Collect fates, from any thread, and wait for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.fates: list[Fate] = []

    def __call__(self, event: TaskEvent) -> None:
        outcome = event.outcome
        fate = Fate(
            event.task.name,
            event.kind,
            event.reason,
            None if event.error is None else type(event.error).__name__,
            None if outcome is None else outcome.returned,
            None if outcome is None else outcome.status,
            None if outcome is None else outcome.disconnected,
        )
        with self._changed:
            self.fates.append(fate)
            self._changed.notify_all()

    def wait_for(self, number: int) -> list[Fate]:
        """Return the fates, in their order, once there are so many of them."""
        with self._changed:
            has_come = self._changed.wait_for(lambda: len(self.fates) >= number, PATIENCE)
            assert has_come, f"not {number} fates but {self.fates}"
            return list(self.fates)

    @property
    def kinds(self) -> dict[str, str]:
        return {fate.name: fate.kind for fate in self.fates}
