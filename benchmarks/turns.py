"""Measuring by turns: every contender once a round, in an order that moves on each round."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

WARM_UP = 1
"""Rounds that nobody counts: the first fills caches and starts threads."""

Rounds = dict[str, list[float]]
"""Of each contender, what each round gave."""


def by_turns(
    measures: Mapping[str, Callable[[], float]], rounds: int, warm_up: int = WARM_UP
) -> Rounds:
    """Call each measure once a round, for so many rounds and a warm-up; return what they gave."""
    taken: Rounds = {name: [] for name in measures}
    for number, name in _turns(measures, rounds + warm_up):
        with _without_gc():
            value = measures[name]()
        if number >= warm_up:
            taken[name].append(value)
    return taken


async def by_turns_async(
    measures: Mapping[str, Callable[[], Awaitable[float]]], rounds: int
) -> Rounds:
    """Do the same with measures that are awaited."""
    taken: Rounds = {name: [] for name in measures}
    for number, name in _turns(measures, rounds + WARM_UP):
        with _without_gc():
            value = await measures[name]()
        if number >= WARM_UP:
            taken[name].append(value)
    return taken


def _turns(names: Mapping[str, object], rounds: int) -> Iterator[tuple[int, str]]:
    order = list(names)
    for number in range(rounds):
        yield from ((number, name) for name in order)
        order.append(order.pop(0))  # nobody always comes behind the same other one


@contextmanager
def _without_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()  # as timeit does; a collection would hit one contender or the other
    try:
        yield
    finally:
        gc.enable()
