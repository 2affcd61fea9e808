"""`python -m benchmarks` measures everything it names; how fast that is, no test says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from benchmarks.page import PAGE, can_be_drawn, plot_file, render
from benchmarks.record import Record
from benchmarks.results import OURS, Figure, Point, Reach, Result, compare
from benchmarks.sections import ROOT, SECTIONS, Section
from benchmarks.tables import contender_rows, number, reach_rows
from benchmarks.turns import WARM_UP, by_turns

SECONDS = 120
REACHES_OF = {"adding": 4, "running": 8, "memory": 3, "imports": 2}
"""How many rows of a section that needs nothing but the development environment have a reach."""


@pytest.mark.parametrize("module", REACHES_OF)
def test_one_short_run_prints_a_complete_table(module: str) -> None:
    """One round of a section ends, and each of its rows with a reach is in the table."""
    command = [sys.executable, "-W", "error", "-m", "benchmarks"]
    done = subprocess.run(
        [*command, "--quick", "--rounds=1", "--only", module],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    machine, progress, table, summary = done.stdout.strip().split("\n\n")
    assert re.match(r"\w+ 3\.\d+\.\d+, .+ on \d+ x .+", machine)
    assert progress.startswith(f"{module}: ")
    head, *rows = table.splitlines()
    assert head.split() == ["what", "ours", "reference", "figure", "reach"]
    assert len(rows) == REACHES_OF[module]
    for row in rows:
        assert re.search(r" at (most|least) \d.* (reached|MISSED)$", row), row
        assert "not measured" not in row
    missed = sum(row.endswith("MISSED") for row in rows)
    assert summary == f"{len(rows) - missed} of {len(rows)} reached, {missed} MISSED"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.module)
def test_every_section_is_a_program(section: Section) -> None:
    """What is registered as a section of the report can be run."""
    assert (ROOT / "benchmarks" / f"{section.module}.py").exists()


def test_the_page_shows_what_was_measured() -> None:
    """The page is the one that is made from the results that are kept, down to every letter."""
    assert PAGE.read_text(encoding="utf-8") == render(Record.load()), "run `make bench`"


def test_the_page_has_every_section_and_its_plot() -> None:
    """A whole run was kept, and what it can draw was drawn."""
    record = Record.load()
    assert list(record.sections) == [section.module for section in SECTIONS], "run `make bench`"
    for section in SECTIONS:
        if any(map(can_be_drawn, record.sections[section.module])):
            assert plot_file(section).exists()


def test_a_record_is_kept_whole(tmp_path: Path) -> None:
    """What is written to the file of results is what is read from it."""
    record = Record.of({"adding": [_result(Reach(0.5)), _result(None)]})
    record.save(tmp_path / "results.json")
    assert Record.load(tmp_path / "results.json") == record


def test_turns_are_taken_by_all_in_changing_order() -> None:
    """Each contender is measured once a round, first and last in their turns; warm-ups aside."""
    calls: list[str] = []

    def measure(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    taken = by_turns({name: partial(measure, name) for name in "abc"}, rounds=2)
    assert calls == list("abcbcacab")
    assert WARM_UP == 1
    assert taken == {"a": [6.0, 8.0], "b": [4.0, 9.0], "c": [5.0, 7.0]}


def test_compare_takes_ratios_within_each_round() -> None:
    """A machine that is slow in one round is slow for both sides of its ratio."""
    result = compare("x", "ms", {"a": [1, 10, 100], OURS: [2, 20, 400]}, reference="a")
    reference, ours = result.figures
    assert (reference.value, reference.ratio, reference.difference) == (10, 1, 0)
    assert (ours.value, ours.ratio, ours.difference) == (20, 2, 10)
    assert result.ours is ours
    assert result.is_reached is None


def test_compare_shows_who_could_not_be_measured() -> None:
    """A contender without rounds has a row that says why."""
    result = compare("x", "ms", {"a": [1.0], "b": []}, reference="a", remarks={"b": "not here"})
    assert result.figures[1] == Figure("b", None, remark="not here")
    assert contender_rows([result])[1] == ("", "b", "not measured", "", "", "not here")


def test_compare_without_its_reference_has_no_ratios() -> None:
    """Where the reference could not be measured, nothing is said of others beside it."""
    result = compare("x", "ms", {"a": [], OURS: [1.0]}, reference="a", reach=Reach(2))
    assert result.figures[1].ratio is None
    assert result.is_reached is False


@pytest.mark.parametrize(
    ("reach", "is_met"),
    [
        (Reach(0.5), True),
        (Reach(0.49), False),
        (Reach(0.5, is_least=True), True),
        (Reach(0.51, is_least=True), False),
        (Reach(2, of="value"), True),
        (Reach(1.9, of="value"), False),
        (Reach(-2, of="difference"), True),
        (Reach(-2.1, of="difference"), False),
    ],
)
def test_reach(reach: Reach, is_met: bool) -> None:
    """A reach is a most or a least of a ratio, a value or a difference; reaching it is enough."""
    result = _result(reach)
    assert result.is_reached is is_met
    assert reach_rows([result], missed="MISSED")[0][-1] == ("reached" if is_met else "MISSED")


def test_nothing_is_reached_by_what_was_not_measured() -> None:
    """Without a figure of ours a row misses."""
    assert not Reach(1).is_met(Figure(OURS, None))
    result = Result("x", "ms", [Figure("a", 1.0)], reach=Reach(1, of="value"))
    assert result.is_reached is False
    assert reach_rows([result], missed="MISSED")[0][-1] == "MISSED"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (0.5, "0.5"), (1.5, "1.5"), (12.34, "12.3"), (1234.5, "1,234")],
)
def test_number(value: float, text: str) -> None:
    """Numbers are short, and never have an exponent."""
    assert number(value) == text


def _result(reach: Reach | None) -> Result:
    rounds: dict[str, Sequence[float]] = {"a": [4.0, 4.0], OURS: [2.0, 2.0]}
    point = Point("plot", "axis", 1, "ms")
    return compare("x", "ms", rounds, reference="a", reach=reach, remark="r", point=point)
