"""``python -m benchmarks.memory``: how much a process grows by tasks that wait."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping

from benchmarks.memory_probe import BY_HAND, MOST_TRIPS, OURS_ASGI, POOL_BY_HAND
from benchmarks.results import OURS, Point, Reach, Result, compare
from benchmarks.section_program import Effort, parse_effort, print_results
from benchmarks.task_collections import REFERENCE, find_peers

LIMIT = Reach(1, of="value")
"""KiB a task."""

PEERS = (REFERENCE, "Litestar")
SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (10, 1_000)
SHORTEST_SIZES = SIZES[:2]
RESPONSES = 10_000
AXIS = "tasks in one response"

Found = dict[str, list[dict[str, float | None]]]


def main() -> None:
    effort = parse_effort(__doc__)
    _, missing = find_peers(PEERS)
    peers = [name for name in PEERS if name not in missing]
    results: list[Result] = []
    for size in _sizes(effort):
        contenders = [*peers, BY_HAND, OURS]
        found = _probe("one", contenders, size, 1 if size > MOST_TRIPS else _rounds(effort))
        results += _of_one_response(size, found, missing)
    responses = RESPONSES if effort.rounds is None else RESPONSES // 10
    found = _probe("many", [*peers, POOL_BY_HAND, OURS_ASGI, OURS], responses, _rounds(effort))
    results.append(_of_many_responses(responses, found, missing))
    print_results(results)


def _sizes(effort: Effort) -> tuple[int, ...]:
    if effort.rounds is not None:
        return SHORTEST_SIZES
    return QUICK_SIZES if effort.is_quick else SIZES


def _rounds(effort: Effort) -> int:
    return effort.rounds_of(full=3, quick=1)


def _probe(shape: str, contenders: list[str], number: int, rounds: int) -> Found:
    """Start a process for each contender, by turns."""
    found: Found = {name: [] for name in contenders}
    for _ in range(rounds):
        for name in contenders:
            program = [sys.executable, "-m", "benchmarks.memory_probe", shape, name, str(number)]
            done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True)
            found[name].append(json.loads(done.stdout))
    return found


def _of_one_response(size: int, found: Found, missing: Mapping[str, str]) -> Iterator[Result]:
    yield compare(
        f"{size:,} tasks in one response, memory",
        "KiB a task",
        {**_taken(found, "kibibytes"), **{name: [] for name in missing}},
        reference=None if REFERENCE in missing else REFERENCE,
        reach=LIMIT,
        remarks=missing,
        point=Point("Memory of one response", AXIS, size, "MiB", size / 1024),
    )
    micros = _taken(found, "micros")
    left_out = dict.fromkeys(PEERS, "left out: a trip for each task takes minutes")
    yield compare(
        f"{size:,} tasks in one response, to add and to run",
        "µs a task",
        {**micros, **{name: [] for name in missing}},
        reference=REFERENCE if micros.get(REFERENCE) else None,
        remarks={**{n: text for n, text in left_out.items() if not micros.get(n)}, **missing},
        point=Point("Time to add and to run them", AXIS, size, "s", size / 1e6),
    )


def _of_many_responses(responses: int, found: Found, missing: Mapping[str, str]) -> Result:
    return compare(
        f"{responses:,} responses with a task each, memory",
        "KiB a task",
        {**_taken(found, "kibibytes"), **{name: [] for name in missing}},
        reference=None if REFERENCE in missing else REFERENCE,
        reach=LIMIT,
        remarks={OURS: "WSGI", **missing},
    )


def _taken(found: Found, key: str) -> dict[str, list[float]]:
    return {
        name: [value for round_ in rounds if (value := round_[key]) is not None]
        for name, rounds in found.items()
    }


if __name__ == "__main__":
    main()
