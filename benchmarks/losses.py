"""What a contender never ran, and how long one waits for it."""

from __future__ import annotations

PATIENCE = 5.0
"""Seconds for tasks that have not ended when the last response has."""


class Losses:
    """How many tasks of a contender never ended, of how many."""

    def __init__(self) -> None:
        self.lost = 0
        self.expected = 0

    @property
    def patience(self) -> float:
        """Seconds to wait for tasks: none for a contender that has lost some before."""
        return 0.0 if self.lost else PATIENCE

    def note(self, lost: int, expected: int) -> None:
        self.lost += lost
        self.expected += expected

    def in_words(self, when: str) -> str:
        return f"loses {self.lost} of {self.expected} tasks with {when}"
