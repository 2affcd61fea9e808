"""``python -m benchmarks``: measure, by turns and for many rounds, and print the tables."""

from __future__ import annotations

import argparse
import asyncio
import gc

from benchmarks.comparisons import Comparison, all_comparisons
from benchmarks.imports import time_imports
from benchmarks.report import Rounds, comparison_table, describe_machine, import_table
from bgtasks_adapters.workers import AsyncioLoop


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=101, help="of each measurement")
    parser.add_argument("--tasks", type=int, default=200, help="at least, in each measurement")
    options = parser.parse_args()

    print(f"{describe_machine()}. Medians of {options.rounds} rounds, all measured by turns.\n")
    print(comparison_table(asyncio.run(compare(options.rounds, options.tasks))))
    print("\nWhat an import adds to a bare interpreter, which comes first:\n")
    print(import_table(time_imports(max(1, options.rounds // 4))))


async def compare(rounds: int, tasks: int) -> list[tuple[Comparison, Rounds]]:
    """Measure every comparison once a round, both sides of it one after the other."""
    comparisons = all_comparisons(AsyncioLoop(asyncio.get_running_loop()))
    results: list[tuple[Comparison, Rounds]] = [(comparison, []) for comparison in comparisons]
    gc.disable()  # as timeit does; a collection would hit one side or the other
    for number in range(rounds + 1):
        for comparison, measured in results:
            repeats = -(-tasks // comparison.count)
            starlette = await comparison.starlette(comparison.count, repeats)
            ours = await comparison.ours(comparison.count, repeats)
            if number:  # the first round warms up threads and caches
                measured.append((starlette, ours))
        gc.collect()
    gc.enable()
    return results


if __name__ == "__main__":
    main()
