"""``python -m benchmarks.imports``: how long an import takes, and what a plain site imports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from time import perf_counter

from benchmarks.results import OURS, Figure, Reach, Result, compare
from benchmarks.section_program import parse_effort, print_results
from benchmarks.turns import by_turns

BARE = "no import"
MODULES = (
    OURS,
    f"{OURS}.wsgi",
    f"{OURS}.asgi",
    f"{OURS}.django.wsgi",
    "django.core.wsgi",
    "starlette.background",
    "fastapi",
    "litestar.background_tasks",
)
LIMIT = Reach(20, of="difference")

SLOW_MODULES = ("anyio", "asyncio")


def main() -> None:
    effort = parse_effort(__doc__)
    print_results([*_time_imports(effort.rounds_of(full=20, quick=2)), _imported_by_wsgi()])


def _time_imports(rounds: int) -> Iterator[Result]:
    found = [name for name in MODULES if find_spec(name.partition(".")[0]) is not None]
    remarks = {name: "not installed" for name in MODULES if name not in found}
    with tempfile.TemporaryDirectory() as cache:
        # A cache of byte code that is there and complete, whatever the environment says of it:
        # the warm-up of the turns fills it.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        measures = {BARE: _starting("pass", environment)}
        measures.update({name: _starting(f"import {name}", environment) for name in found})
        taken = by_turns(measures, rounds)
    yield compare(
        "`import`, in a fresh interpreter",
        "ms",
        {**taken, **{name: [] for name in remarks}},
        reference=BARE,
        reach=LIMIT,
        remarks=remarks,
    )


def _starting(statement: str, environment: Mapping[str, str]) -> Callable[[], float]:
    def measure() -> float:
        start = perf_counter()
        subprocess.run([sys.executable, "-c", statement], env=environment, check=True)
        return (perf_counter() - start) * 1000

    return measure


def _imported_by_wsgi() -> Result:
    program = [sys.executable, "-m", "benchmarks.wsgi_imports", *SLOW_MODULES]
    done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True)
    before, after = (line.split() for line in done.stdout.splitlines())
    return Result(
        f"of {' and '.join(f'`{name}`' for name in SLOW_MODULES)}, imported by a WSGI "
        "application before its first `async def` task",
        "modules",
        (Figure(OURS, len(before), remark=_names(before)),),
        reach=Reach(0, of="value"),
        remark=f"after that task: {_names(after)}",
    )


def _names(modules: list[str]) -> str:
    return ", ".join(modules) or "neither"


if __name__ == "__main__":
    main()
