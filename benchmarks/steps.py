"""``python -m benchmarks.steps``: a response of ours with one task, step by step, without a server.

The steps tell what a figure of a whole request is made of, and so what limits it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from contextvars import copy_context
from time import perf_counter

from benchmarks.responses import SteppedResponse
from benchmarks.results import compare
from benchmarks.section_program import parse_effort, print_results
from benchmarks.task_collections import do_nothing_async

RESPONSES = 200
"""So many a round take each step, one after the other."""


def main() -> None:
    rounds = parse_effort(__doc__).rounds_of(full=200, quick=30)
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for step, micros in _one_round().items():
            taken.setdefault(step, []).append(micros)
    print_results([compare("A response with one `async def` task, by steps", "µs", taken)])


def _one_round() -> Mapping[str, float]:
    responses: list[SteppedResponse] = []

    def begin() -> None:
        responses.extend([SteppedResponse() for _ in range(RESPONSES)])

    def add() -> None:
        for response in responses:
            response.tasks.add_task(do_nothing_async)

    def end() -> None:
        for response in responses:
            response.end()

    def run() -> None:
        for response in responses:
            response.run()

    def copy() -> None:
        for _ in responses:
            copy_context()

    gc.collect()
    gc.disable()
    try:
        return {
            "the response begins": _timed(begin),
            "of the next step: a copy of the context": _timed(copy),
            "its first task is added": _timed(add),
            "it ends, and its task is judged and given to the loop": _timed(end),
            "the task runs, and its end is noted": _timed(run),
            "the response goes": _timed(responses.clear),
        }
    finally:
        gc.enable()


def _timed(step: Callable[[], object]) -> float:
    start = perf_counter()
    step()
    return (perf_counter() - start) / RESPONSES * 1e6


if __name__ == "__main__":
    main()
