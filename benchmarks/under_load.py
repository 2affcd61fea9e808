"""One contender under load: it is asked, its tasks are counted, and what it did wrong is noted."""

from __future__ import annotations

import time
from statistics import quantiles

from benchmarks.arrivals import answer_times
from benchmarks.guarded import Guarded
from benchmarks.serving import Server, ServingError
from benchmarks.wrk import Load, run_wrk

CONNECTIONS = 16
STALLED = 1.0
"""Seconds without one more task ended, after which those that are missing count as lost."""
PATIENCE = 8.0
"""Seconds at most that anybody waits for tasks; what still waits then counts as lost, too."""
SWEEP = 0.03
"""Seconds for the tasks of requests that wrk left under way: nobody else's turn pays for them."""


class Contender(Guarded):
    """A server that runs a site, and what has been seen of its tasks so far."""

    def __init__(self, name: str, server: Server | None, failure: str = "") -> None:
        super().__init__(failure)
        self.name = name
        self.capacities: dict[str, float] = {}
        """Answers per second at full load, of each page that was asked for."""
        self.asked = self.lost = 0
        self.is_in_order = True
        self.backlog = 0.0
        """Seconds at most that its tasks went on behind a load."""
        self._server = server

    @property
    def keeps_tasks(self) -> bool:
        """Whether none was lost. One that reorders them does less than ours, and counts all the
        same: its remark says so."""
        return not self.failure and not self.lost

    def find_capacity(self, path: str, *, has_task: bool, seconds: int) -> float:
        """Measure and note the answers per second at full load, until the last task has ended.

        The best of all calls is what it can do: whatever disturbs a run only makes it slower.
        """
        rate = self.rate(path, seconds) if has_task else self._ask(path, seconds).rate
        self.capacities[path] = max(self.capacities.get(path, 0.0), rate)
        return rate

    def _ask(self, path: str, seconds: int) -> Load:
        return run_wrk(self._running.url(path), seconds=seconds, connections=CONNECTIONS)

    def check_order(self) -> float:
        """Let several responses at a time have five tasks each; also the warm-up of the threads."""
        before = self._ran()
        taken = answer_times(self._running.port, "/many", rate=100, seconds=0.3)
        self._settle(before, 5 * len(taken))
        self.is_in_order = self._running.get_json("/ran")["is_in_order"]
        return float(self.is_in_order)

    def rate(self, path: str, seconds: int) -> float:
        """Return requests per second at full load, until the last task has ended.

        The time behind the load counts: whoever only answers and leaves its tasks for later is not
        faster for that.
        """
        before = self._ran()
        load = self._ask(path, seconds)
        return load.requests / (load.seconds + self._settle(before, load.requests))

    def p99(self, path: str, *, has_task: bool, rate: float, seconds: float) -> float:
        """Return the 99th percentile of the answer times at this rate, in ms."""
        before = self._ran()
        taken = answer_times(self._running.port, path, rate=rate, seconds=seconds)
        if has_task:
            self._settle(before, len(taken))
        return quantiles(taken, n=100)[98] * 1000

    def remark(self) -> str:
        """Say what its reader must know of the run."""
        found = [self.failure] if self.failure else []
        if self.lost:
            found.append(f"loses {self.lost} of {self.asked} tasks")
        if not self.is_in_order:
            found.append("reorders the tasks of a response")
        if self.backlog > 0.5:
            found.append(f"tasks go on for up to {self.backlog:.1f} s behind the load")
        return "; ".join(found)

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise ServingError("does not run")
        return self._server

    def _ran(self) -> int:
        ran: int = self._running.get_json("/ran")["ran"]
        return ran

    def _settle(self, before: int, tasks: int) -> float:
        """Wait until so many tasks have ended; return how long the last of them took to."""
        self.asked += tasks
        started = changed = time.monotonic()
        ended = self._ran() - before
        while ended < tasks:
            now = time.monotonic()
            if now - changed > STALLED or now - started > PATIENCE:
                self.lost += tasks - ended
                break
            time.sleep(0.01)
            more = self._ran() - before
            if more != ended:
                ended, changed = more, time.monotonic()
        waited = changed - started
        self.backlog = max(self.backlog, waited)
        time.sleep(SWEEP)
        return waited
