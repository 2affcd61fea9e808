"""``python -m benchmarks.scaling [--quick]``: requests per second with more worker processes.

Flask on gunicorn's gthread under wrk's full load, with one ``def`` task that does nothing in each
request. wrk, the kernel and the workers share the processors of one machine, so that no site can
double its requests with its workers; what ours is to keep is the growth of the same site without
tasks, which meets the same limits in the same round.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.guarded import Guarded, with_failed, without_failed
from benchmarks.results import OURS, Reach, Result, compare
from benchmarks.serving import Server, ServingError, serving, start
from benchmarks.sites.catalogue import BY_HAND, SITES
from benchmarks.turns import WARM_UP, Rounds, by_turns
from benchmarks.wrk import find_wrk, run_wrk

WITHOUT = "without tasks"
CONTENDERS = {OURS: "flask_ours", WITHOUT: "flask_bare", BY_HAND: "flask_by_hand"}
CONNECTIONS = 32
"""Enough that every worker gets some of them and all of its threads have work."""
ROUNDS = 4
QUICK_ROUNDS = 1
GROWTH = (1, 2)
"""These numbers of workers are measured by turns, with all their servers up."""
MORE = ((4,), (8,))
"""These one number after the other: idle processes cost a little, too."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two workers at most, one round")
    is_quick = parser.parse_args().quick
    find_wrk()
    rounds = QUICK_ROUNDS if is_quick else ROUNDS
    run = Run(GROWTH)
    rates = run.measure(rounds)
    results = [run.growth(rates), *run.results(rates)]
    for workers in () if is_quick else MORE:
        run = Run(workers)
        results += run.results(run.measure(rounds // 2, warm_up=0))
    print(json.dumps([result.to_json() for result in results]))


class Run:
    """All contenders with some numbers of workers, measured by turns."""

    def __init__(self, workers: Sequence[int]) -> None:
        self.workers = workers
        self.guards = {name: Guarded() for name in CONTENDERS}

    def measure(self, rounds: int, warm_up: int = WARM_UP) -> Mapping[int, Rounds]:
        """Return requests per second, by the number of workers and the contender."""
        keys = {
            f"{name}, {number}": (name, number) for number in self.workers for name in CONTENDERS
        }
        starters = {
            key: partial(start, SITES[CONTENDERS[name]].path, "gunicorn", workers=number)
            for key, (name, number) in keys.items()
        }
        with serving(starters) as served:
            for key, failure in served.failures.items():
                self.guards[keys[key][0]].failure = failure
            measures = {
                key: self.guards[name].measure(partial(_rate, served.running.get(key), name))
                for key, (name, _) in keys.items()
            }
            taken = by_turns(measures, rounds, warm_up)
        return {
            number: {name: taken[f"{name}, {number}"] for name in CONTENDERS}
            for number in self.workers
        }

    def growth(self, rates: Mapping[int, Rounds]) -> Result:
        """Compare what the second worker adds, as the ratio of each round."""
        one, two = (without_failed(rates[number]) for number in GROWTH)
        grown = {
            name: [more / less for less, more in zip(one[name], two[name], strict=True)]
            for name in one
        }
        return self._result(
            "Flask on gunicorn gthread: requests/s with 2 workers, of those with 1",
            "x",
            grown,
            reach=Reach(0.95, is_least=True),
            remark=f"{os.cpu_count()} processors, of which the load takes its share.",
        )

    def results(self, rates: Mapping[int, Rounds]) -> Sequence[Result]:
        return [
            self._result(
                f"Flask on gunicorn gthread: requests/s with {number} "
                f"worker{'' if number == 1 else 's'}",
                "requests/s",
                rates[number],
            )
            for number in self.workers
        ]

    def _result(
        self, what: str, unit: str, rounds: Rounds, reach: Reach | None = None, remark: str = ""
    ) -> Result:
        return with_failed(
            compare(
                what,
                unit,
                without_failed(rounds),
                reference=WITHOUT,
                reach=reach,
                remark=remark or "One `def` task that does nothing in each request.",
            ),
            [(name, guard.failure) for name, guard in self.guards.items() if guard.failure],
        )


def _rate(server: Server | None, name: str) -> float:
    if server is None:
        raise ServingError("does not run")
    url = server.url("/none" if name == WITHOUT else "/def")
    return run_wrk(url, seconds=1, connections=CONNECTIONS).rate


if __name__ == "__main__":
    main()
