"""``python -m benchmarks.load [--quick]``: response times and requests per second under load.

Two questions, to every framework under its real server with one process:

- how much later than without tasks come the answers, if each request has a task of 20 ms? At a
  fixed rate (see ``arrivals``, which also says why that is not wrk's work): half of what the site
  can do with those tasks; and, as a harder question, half of what it can do without any. There a
  task that costs as much as its request, as one on a loop nearly does, is full load. The requests
  are so many that a rate times 0.02 s of ``def`` tasks run side by side; four threads could not,
  tasks would wait, and at ``max_pending`` the responses with them. So every contender that has a
  setting for it gets 256 threads.
- how many requests with a short task each does a site answer at full load (wrk's)?
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles

from benchmarks.families import BY_HAND, FAMILIES, QUICK_FAMILIES, Family
from benchmarks.guarded import with_failed, without_failed
from benchmarks.results import OURS, Figure, Reach, Result, compare
from benchmarks.serving import serving
from benchmarks.sites.pools import WORKERS_VARIABLE
from benchmarks.turns import by_turns
from benchmarks.under_load import Contender
from benchmarks.wrk import find_wrk

LONG = 20
"""Milliseconds that the task sleeps where answer times are taken."""
SHORT = 1
"""Milliseconds that the task sleeps at full load, as one that asks a cache: every task of it
leaves its thread once and comes back, and yet few threads are enough."""


@dataclass(frozen=True)
class Amount:
    """How long everything is measured."""

    rounds: int
    more_of_ours: int
    """Rounds of the answer times: ours has something to reach, and a p99 is noisy."""
    seconds: float
    """Of one run at half load."""
    wrk_rounds: int
    capacity_rounds: int


FULL = Amount(rounds=2, more_of_ours=5, seconds=0.7, wrk_rounds=3, capacity_rounds=2)
QUICK = Amount(rounds=1, more_of_ours=2, seconds=0.4, wrk_rounds=1, capacity_rounds=1)

WITHOUT = "/none"
CAPACITY_SECONDS = 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sites and rounds")
    is_quick = parser.parse_args().quick
    find_wrk()
    os.environ[WORKERS_VARIABLE] = "256"
    families, amount = (QUICK_FAMILIES, QUICK) if is_quick else (FAMILIES, FULL)
    results = [result for family in families for result in measure(family, amount)]
    print(json.dumps([result.to_json() for result in results]))


def measure(family: Family, amount: Amount) -> Sequence[Result]:
    """Start all sites of a family, and ask them by turns."""
    page = f"/{family.task}?ms={LONG}"
    with contenders_of(family) as contenders:
        by_turns(_capacities(contenders, WITHOUT, has_task=False), amount.capacity_rounds, 0)
        by_turns({c.name: c.measure(c.check_order) for c in contenders}, 1, 0)
        by_turns(_capacities(contenders, page, has_task=True), 1, 0)
        return [
            _answer_times(family, contenders, amount, page, at_half_of=page),
            _answer_times(family, contenders, amount, page, at_half_of=WITHOUT),
            _rates(family, contenders, amount),
        ]


def _capacities(
    contenders: Sequence[Contender], path: str, *, has_task: bool
) -> Mapping[str, Callable[[], float]]:
    find = {
        c.name: partial(c.find_capacity, path, has_task=has_task, seconds=1) for c in contenders
    }
    return {each.name: each.measure(find[each.name]) for each in contenders}


@contextmanager
def contenders_of(family: Family) -> Iterator[Sequence[Contender]]:
    with serving(family.starters()) as served:
        yield [
            Contender(name, served.running.get(name), served.failures.get(name, ""))
            for name in family.sites
        ]


def _answer_times(
    family: Family,
    contenders: Sequence[Contender],
    amount: Amount,
    page: str,
    *,
    at_half_of: str,
) -> Result:
    pairs = {each.name: _Pair(each, page, at_half_of, amount.seconds) for each in contenders}
    measures = {name: pair.contender.measure(pair.ratio) for name, pair in pairs.items()}
    by_turns(measures, amount.rounds, 0)
    is_to_be_reached = at_half_of == page
    if is_to_be_reached:
        by_turns({OURS: measures[OURS]}, amount.more_of_ours, 0)
    return Result(
        f"{family.title}: p99 of the answers with a task of {LONG} ms each, of that without, "
        f"at half of what the site can do with{'' if is_to_be_reached else 'out'} them",
        "x",
        [pair.figure() for pair in pairs.values()],
        reach=Reach(1.1, of="value") if is_to_be_reached else None,
        remark=f"`{'async def' if family.task == 'async' else 'def'}` tasks; requests in "
        "even intervals; each beside the same site asked for a page without a task.",
    )


class _Pair:
    """The answer times of one contender with tasks and without, one right after the other."""

    def __init__(self, contender: Contender, page: str, at_half_of: str, seconds: float) -> None:
        self.contender = contender
        self._paths = {page: True, WITHOUT: False}
        self._at_half_of = at_half_of
        self._seconds = seconds
        self._taken: dict[bool, list[float]] = {True: [], False: []}

    @property
    def _rate(self) -> float:
        return self.contender.capacities[self._at_half_of] / 2

    def ratio(self) -> float:
        number = len(self._taken[True])
        paths = list(self._paths.items())
        for path, has_task in paths if number % 2 else reversed(paths):
            p99 = self.contender.p99(
                path, has_task=has_task, rate=self._rate, seconds=self._seconds
            )
            self._taken[has_task].append(p99)
        return self._taken[True][-1] / self._taken[False][-1]

    def figure(self) -> Figure:
        contender = self.contender
        if contender.failure:
            return Figure(contender.name, None, remark=contender.remark())
        ratios = [w / o for w, o in zip(self._taken[True], self._taken[False], strict=True)]
        low, middle, high = (ratios[0],) * 3
        if len(ratios) > 1:
            low, middle, high = quantiles(ratios, n=4, method="inclusive")
        times = (
            f"{median(self._taken[True]):.3g} ms, without {median(self._taken[False]):.3g} ms, "
            f"at {self._rate:.0f} requests/s"
        )
        remark = "; ".join(filter(None, [times, contender.remark()]))
        return Figure(contender.name, middle, low, high, remark=remark)


def _rates(family: Family, contenders: Sequence[Contender], amount: Amount) -> Result:
    path = f"/{family.task}?ms={SHORT}"
    measures = {each.name: each.measure(partial(each.rate, path, 1)) for each in contenders}
    rounds = by_turns(measures, amount.wrk_rounds, 0)
    best = _best_peer(family, contenders, rounds)
    return with_failed(
        compare(
            f"{family.title}: requests/s at full load, with a task of {SHORT} ms each",
            "requests/s",
            without_failed(rounds),
            reference=best,
            reach=None if best is None else Reach(1.0, is_least=True),
            remarks={each.name: each.remark() for each in contenders},
            remark="The time until the last task has ended counts. "
            + (
                "There is no peer that loses none."
                if best is None
                else f"Ratios are to {best}, the fastest peer that loses no task."
            ),
        ),
        [(each.name, each.remark()) for each in contenders if each.failure],
    )


def _best_peer(
    family: Family, contenders: Sequence[Contender], rounds: Mapping[str, Sequence[float]]
) -> str | None:
    peers = [
        each.name
        for each in contenders
        if each.keeps_tasks and each.name != OURS and family.sites[each.name].module not in BY_HAND
    ]
    return max(peers, key=lambda name: median(rounds[name]), default=None)


if __name__ == "__main__":
    main()
