"""The functions that every site runs as its tasks, and what this process knows of their runs."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

MANY = 5
"""Tasks of one response of ``/many``."""
STEP = 0.002
"""Seconds by which each is shorter than the one before: side by side, the last would end first."""


class Report(TypedDict):
    """What ``/ran`` answers."""

    ran: int
    is_in_order: bool


class Runs:
    """Counts the tasks that ended, and sees whether those of a response kept their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ran = 0
        self._awaited: int | None = None
        self._then: Callable[[], object] = _nothing
        self._responses = itertools.count()
        self._steps: dict[int, int] = {}
        self.is_in_order = True
        self.early = 0
        """Steps that started before their response was complete."""
        self.is_response_complete = True
        """Said by who drives the application in this process, one request after the other."""

    @property
    def ran(self) -> int:
        return self._ran

    def call_at(self, count: int, then: Callable[[], object]) -> None:
        """Call ``then`` once so many tasks have ended since the process started."""
        with self._lock:
            self._awaited, self._then = count, then
            is_reached = self._ran >= count
        if is_reached:
            then()

    def ended(self) -> None:
        with self._lock:
            self._ran += 1
            is_awaited = self._ran == self._awaited
        if is_awaited:
            self._then()

    def new_response(self) -> int:
        return next(self._responses)

    def step_started(self) -> None:
        if not self.is_response_complete:
            self.early += 1

    def step_ended(self, response: int, number: int) -> None:
        with self._lock:
            done = self._steps.pop(response, 0)
            if number != done:
                self.is_in_order = False
            if done + 1 < MANY:
                self._steps[response] = done + 1
        self.ended()

    def report(self) -> Report:
        return {"ran": self._ran, "is_in_order": self.is_in_order}


def _nothing() -> None:
    pass


runs = Runs()
"""Of this process."""


def work(ms: float = 0.0) -> None:
    """Do nothing, or sleep so many milliseconds."""
    if ms:
        time.sleep(ms / 1000)
    runs.ended()


async def work_async(ms: float = 0.0) -> None:
    """Do the same on a loop."""
    if ms:
        await asyncio.sleep(ms / 1000)
    runs.ended()


def step(response: int, number: int) -> None:
    """Be one of the tasks of ``/many``."""
    runs.step_started()
    time.sleep((MANY - 1 - number) * STEP)
    runs.step_ended(response, number)


async def step_async(response: int, number: int) -> None:
    """Do the same on a loop."""
    runs.step_started()
    await asyncio.sleep((MANY - 1 - number) * STEP)
    runs.step_ended(response, number)


def steps() -> Sequence[tuple[int, int]]:
    """Return the arguments of the steps of one response, in their order."""
    response = runs.new_response()
    return [(response, number) for number in range(MANY)]


def ms_of(query: str) -> float:
    """Return how long the task of a request shall sleep: ``ms=20``, or nothing for no time."""
    return float(query.removeprefix("ms=")) if query else 0.0


Task = Callable[..., Any]
