"""An observer that keeps what it is told, for the tests to look at."""

from __future__ import annotations

from bgtasks_adapters import TaskEvent


class Fates:
    """Keep the events of tasks, in the order in which they came."""

    def __init__(self) -> None:
        self.events: list[TaskEvent] = []

    def __call__(self, event: TaskEvent) -> None:
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def of(self, name: str) -> TaskEvent:
        """Return the one event of the task of this name."""
        (found,) = [event for event in self.events if event.task.name == name]
        return found
