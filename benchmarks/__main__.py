"""``python -m benchmarks``: measure every section beside its peers and write the report.

A whole run keeps its results in benchmarks/results.json and makes docs/performance.md of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from time import perf_counter

from benchmarks.page import PAGE, render
from benchmarks.record import FILE, Record, describe_machine, describe_python
from benchmarks.results import Result
from benchmarks.sections import SECTIONS, Section
from benchmarks.tables import REACH_HEAD, reach_rows, terminal


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--quick", action="store_true", help="take few rounds and write nothing")
    choice.add_argument("--page", action="store_true", help="only make the page of results.json")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="SECTION",
        choices=[section.module for section in SECTIONS],
        help="measure these sections and write nothing: %(choices)s",
    )
    parser.add_argument("--rounds", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.page:
        write_page(Record.load())
        return

    print(f"{describe_python()}, {describe_machine()}\n", flush=True)
    chosen = [
        section for section in SECTIONS if section.module in (options.only or [section.module])
    ]
    measured = measure(chosen, is_quick=options.quick, rounds=options.rounds)
    print_reaches(result for results in measured.values() for result in results)
    if not options.quick and not options.only and not options.rounds:
        record = Record.of(measured)
        record.save()
        write_page(record)
        print(f"\nWritten: {FILE}, {PAGE}")


def measure(
    sections: Iterable[Section], *, is_quick: bool, rounds: int | None
) -> dict[str, Sequence[Result]]:
    """Run the sections, one after the other; one that fails ends the run with its error."""
    measured: dict[str, Sequence[Result]] = {}
    begin = perf_counter()
    for section in sections:
        print(f"{section.module}: {section.title} ...", end=" ", flush=True)
        start = perf_counter()
        measured[section.module] = section.run(is_quick=is_quick, rounds=rounds)
        print(f"{perf_counter() - start:.0f} s", flush=True)
    print(f"in all: {perf_counter() - begin:.0f} s\n")
    return measured


def print_reaches(results: Iterable[Result]) -> None:
    """Print the table of what is to be reached, and how much of it is."""
    rows = reach_rows(results, missed="MISSED")
    print(terminal(REACH_HEAD, rows))
    missed = sum(row[-1] == "MISSED" for row in rows)
    print(f"\n{len(rows) - missed} of {len(rows)} reached, {missed} MISSED")


def write_page(record: Record) -> None:
    """Make the page, and its plots, for which matplotlib has to be there."""
    from benchmarks.plots import draw_all

    draw_all(record)
    PAGE.write_text(render(record), encoding="utf-8")


if __name__ == "__main__":
    main()
