"""``python -m benchmarks.starting [--quick]``: how soon behind its response a task starts.

Real servers whose workers are idle, one request after the other. Two figures: from the moment when
the client has the last byte, and from the one when the server had written it. The first is what a
user of the site could notice; it is the shorter one, by the way of the bytes and the client's
waking, and below zero where a task starts while the client still wakes. The second is below zero
only if a task starts before the response is written.
"""

from __future__ import annotations

import argparse
import json
import socket
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.arrivals import is_complete, request_of
from benchmarks.families import FAMILIES, QUICK_FAMILIES, Family
from benchmarks.guarded import Guarded, with_failed, without_failed
from benchmarks.noting import SITE_VARIABLE
from benchmarks.results import Reach, Result, compare
from benchmarks.serving import Kind, Server, ServingError, serving, start
from benchmarks.turns import WARM_UP, Rounds, by_turns

ROUNDS = 60
QUICK_ROUNDS = 15
IDLE = 0.002
"""Seconds before a request, in which everybody falls asleep."""
PATIENCE = 1.0
"""Seconds in which a task has to start."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starting", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sites and rounds")
    is_quick = parser.parse_args().quick
    families, rounds = (QUICK_FAMILIES, QUICK_ROUNDS) if is_quick else (FAMILIES, ROUNDS)
    results = [result for family in families for result in measure(family, rounds)]
    print(json.dumps([result.to_json() for result in results]))


def measure(family: Family, rounds: int) -> Sequence[Result]:
    """Start all sites of a family, ask them by turns, and compare both figures."""
    with serving(family.starters(_start_noting)) as served:
        tried = {
            name: _Tried(served.running.get(name), f"/{family.task}", served.failures.get(name, ""))
            for name in family.sites
        }
        by_client = by_turns({name: each.measure(each.ask) for name, each in tried.items()}, rounds)
    by_server: Rounds = {
        name: each.behind_write[WARM_UP:] for name, each in tried.items() if not each.failure
    }
    remarks = {
        name: "starts before the response is written"
        for name, taken in by_server.items()
        if median(taken) < 0
    }
    failures = [(name, each.failure) for name, each in tried.items() if each.failure]
    return [
        with_failed(
            compare(
                f"{family.title}: from the whole response at the client to the start of its task",
                "ms",
                without_failed(by_client),
                reach=Reach(1.0, of="value"),
                remarks=remarks,
                remark="Idle workers. Below zero: it starts while the client still wakes up.",
            ),
            failures,
        ),
        with_failed(
            compare(
                f"{family.title}: from the server's last write to the start of its task",
                "ms",
                by_server,
                remarks=remarks,
                remark="The same requests, by the clock of the server's process.",
            ),
            failures,
        ),
    ]


def _start_noting(site: str, kind: Kind) -> Server:
    return start("benchmarks.noting", kind, environment={SITE_VARIABLE: site})


class _Tried(Guarded):
    """One contender, asked for one page with a task at a time."""

    def __init__(self, server: Server | None, path: str, failure: str) -> None:
        super().__init__(failure)
        self.behind_write: list[float] = []
        """Milliseconds from the server's last write to the task's start, of each request."""
        self._server = server
        self._request = request_of(path)

    def ask(self) -> float:
        """Return the milliseconds from the complete response to the start of its task."""
        if self._server is None:
            raise ServingError("does not run")
        with socket.create_connection(("127.0.0.1", self._server.port), PATIENCE) as connection:
            time.sleep(IDLE)
            asked = time.monotonic_ns()
            connection.sendall(self._request)
            received = b""
            while not is_complete(received):
                data = connection.recv(65536)
                if not data:
                    raise ServingError("the server closed a connection")
                received += data
            complete = time.monotonic_ns()
        until = time.monotonic() + PATIENCE
        while True:
            time.sleep(IDLE)
            noted = self._server.get_json("/noted")
            if noted["started"] > asked and noted["written"] > asked:
                break
            if time.monotonic() > until:
                raise ServingError(f"a task did not start within {PATIENCE:g} s")
        self.behind_write.append((noted["started"] - noted["written"]) / 1e6)
        started: int = noted["started"]
        return (started - complete) / 1e6


if __name__ == "__main__":
    main()
