"""`python -m benchmarks` measures everything it names; how fast that is, no test says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60


def rows_of(table: str) -> list[list[str]]:
    head, rule, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
    ]
    assert set(rule) == {"---"}
    assert all(len(row) == len(head) for row in rows), table
    return rows


def test_tables() -> None:
    """One short run prints both tables, complete, with a number above zero in every place."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks", "--rounds", "1", "--tasks", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    machine, comparisons, _, imports = done.stdout.strip().split("\n\n")
    assert re.match(r"\w+ 3\.\d+\.\d+, .*starlette \S+, anyio .*\. Medians of 1 rounds", machine)

    rows = rows_of(comparisons)
    works = [(name, count) for name, count, *_ in rows]
    kinds = ("def", "async def")
    assert set(works) == {
        *(
            (f"`add_task({kind})`{where}", "100")
            for kind in kinds
            for where in ("", " in a response")
        ),
        *(
            (f"{kind}: {how}", count)
            for kind in kinds
            for how in ("`await tasks()`", "after a response")
            for count in ("1", "10", "100")
        ),
    }
    assert len(works) == len(set(works))
    for _, _, starlette, ours, ratio, _ in rows:
        assert float(starlette) > 0
        assert float(ours) > 0
        assert float(ratio.removesuffix(" x")) > 0
    reaches = [reach for *_, reach in rows if reach]
    assert len(reaches) == 6
    assert all(re.fullmatch(r"(reached|MISSED) \(at most (1|0\.02)\)", reach) for reach in reaches)

    names = [name for name, milliseconds in rows_of(imports) if float(milliseconds) is not None]
    assert names[:2] == ["`python -c pass`", "`bgtasks_adapters`"]
    assert "`starlette.background`" in names
