"""The tables, in Markdown, and on what they were measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.comparisons import Comparison

Rounds = list[tuple[float, float]]
"""Seconds per task of Starlette's and of ours, of each round."""


def describe_machine() -> str:
    """Say which interpreter, machine and versions the numbers come from."""
    libraries = [f"{name} {version(name)}" for name in ("starlette", "anyio")]
    return ", ".join(
        [
            f"{platform.python_implementation()} {platform.python_version()}",
            f"{platform.system()} on {os.cpu_count()} x {_processor()}",
            *libraries,
        ]
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def comparison_table(results: Iterable[tuple[Comparison, Rounds]]) -> str:
    """Return the table of all comparisons, with medians; the ratio is that of each round."""
    rows = []
    for comparison, rounds in results:
        ratio = median(ours / starlette for starlette, ours in rounds)
        rows.append(
            (
                comparison.name,
                str(comparison.count),
                _microseconds(median(starlette for starlette, _ in rounds)),
                _microseconds(median(ours for _, ours in rounds)),
                f"{ratio:.3g} x",
                _reached(ratio, comparison.reach),
            )
        )
    return _table(("", "tasks", "Starlette, µs a task", "ours", "ratio", "reach"), rows)


def import_table(times: Iterable[tuple[str, float]]) -> str:
    """Return the table of what each import adds to the start of an interpreter."""
    rows = [(f"`{name}`", f"{seconds * 1000:.1f}") for name, seconds in times]
    return _table(("import", "ms"), rows)


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.3g}"


def _reached(ratio: float, reach: float | None) -> str:
    if reach is None:
        return ""
    return f"{'reached' if ratio <= reach else 'MISSED'} (at most {reach:g})"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
