"""The results of Django's tasks framework that this process keeps, for ``get_result()``.

A registry of the module, because Django makes a backend anew for every thread and context.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from bgtasks_adapters.process import call_in_forked_child

if TYPE_CHECKING:
    from bgtasks_adapters.django.execution import Execution


class Results:
    """What one backend has enqueued: all that is unfinished, and the last that finished."""

    def __init__(self) -> None:
        # Reentrant, because a garbage collection on a thread inside may drop a response's tasks.
        self._lock = threading.RLock()
        self._by_id: dict[str, Execution] = {}
        self._finished: deque[str] = deque()

    def add(self, execution: Execution) -> None:
        with self._lock:
            self._by_id[execution.result.id] = execution

    def remove(self, execution: Execution) -> None:
        with self._lock:
            self._by_id.pop(execution.result.id, None)

    def finished(self, execution: Execution, limit: int) -> None:
        """Note that a task has finished, and forget the oldest such beyond ``limit``."""
        with self._lock:
            self._finished.append(execution.result.id)
            while len(self._finished) > limit:
                self._by_id.pop(self._finished.popleft(), None)

    def get(self, result_id: str) -> Execution | None:
        with self._lock:
            return self._by_id.get(result_id)


_by_alias: dict[str, Results] = {}
_is_fork_safe: list[bool] = []


def results_of(alias: str) -> Results:
    """Return the results of the backend of this alias, in this process."""
    if not _is_fork_safe:
        _is_fork_safe.append(True)
        call_in_forked_child(_by_alias.clear)  # what the parent enqueued runs in the parent
    found = _by_alias.get(alias)
    return _by_alias.setdefault(alias, Results()) if found is None else found
