"""Remembers the latest requests and what became of their tasks.

Kept in the memory of one process, because the tasks run in the process that answered: right
for `uvicorn` and for `gunicorn --workers 1 --threads 8`. With several worker processes each
would remember (and show) only its own requests; a restart forgets all. A site that needs more
would write the same records to a table.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Lock

from django.http import HttpRequest

from bgtasks_adapters import TaskEvent


@dataclass(frozen=True)
class TaskRecord:
    """How one task ended; times are Unix seconds, None if it never ran."""

    name: str
    status: str
    started_at: float | None
    ended_at: float | None
    problem: str = ""


@dataclass
class RequestRecord:
    """One request, when its response had ended, and its tasks that have ended so far."""

    id: int
    method: str
    path: str
    started_at: float
    status: int | None = None
    response_ended_at: float | None = None
    tasks: list[TaskRecord] = field(default_factory=list)


class Timeline:
    """The latest requests of this process, written and read by many threads."""

    def __init__(self, limit: int = 100) -> None:
        self._lock = Lock()
        self._requests: deque[RequestRecord] = deque(maxlen=limit)
        self._ids = count(1)

    def begin(self, method: str, path: str) -> RequestRecord:
        """Add a request that has just arrived."""
        record = RequestRecord(next(self._ids), method, path, time.time())
        with self._lock:
            self._requests.append(record)
        return record

    def answer(self, record: RequestRecord, status: int) -> None:
        """Note the view's answer; without tasks nothing later tells when it was sent."""
        with self._lock:
            record.status = status
            record.response_ended_at = record.response_ended_at or time.time()

    def add_task(self, record: RequestRecord, event: TaskEvent) -> None:
        """Note how a task ended, and when the response before it had been sent."""
        problem = type(event.error).__name__ if event.error else event.reason or ""
        task = TaskRecord(event.task.name, event.kind, event.started_at, event.ended_at, problem)
        with self._lock:
            record.tasks.append(task)
            record.response_ended_at = event.dispatched_at or record.response_ended_at

    def requests(self) -> list[RequestRecord]:
        """Return copies of the remembered requests, the latest first."""
        with self._lock:
            return [replace(record, tasks=list(record.tasks)) for record in self._requests][::-1]


timeline = Timeline()
_current: ContextVar[RequestRecord | None] = ContextVar("timeline_request", default=None)


@contextmanager
def recorded(request: HttpRequest) -> Iterator[RequestRecord]:
    """Record a request; the tasks queued inside the block will be noted with it."""
    record = timeline.begin(request.method or "", request.path)
    token = _current.set(record)
    try:
        yield record
    finally:
        _current.reset(token)


def record_task(event: TaskEvent) -> None:
    """Observe a task (setting BGTASKS["OBSERVERS"]).

    An observer is called in the context of the line that queued the task, so the request is
    simply the current one; a task of a management command has none.
    """
    if (record := _current.get()) is not None:
        timeline.add_task(record, event)
