"""``docs/performance.md``, made whole from what was kept of a run; nobody writes in it by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.limits import limits
from benchmarks.record import Record
from benchmarks.results import Result
from benchmarks.sections import ROOT, SECTIONS, Section
from benchmarks.tables import (
    CONTENDER_HEAD,
    REACH_HEAD,
    contender_rows,
    markdown,
    reach_rows,
)

PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"

_INTRODUCTION = """\
# Performance

What does a background task cost here, beside the packages that do the same and beside what one
would write by hand? This page is written by `make bench`, whole, from what one run measured: no
figure on it was typed in.

- All contenders of a row are measured *by turns*: each once a round, in an order that moves on
  with each round, for many rounds. So whatever else the machine does meets all of them.
- A figure is the *median* of the rounds, with the quartiles beside it. A ratio is taken within
  each round and the median of those ratios is shown; so it need not be the quotient of the two
  medians.
- Each section is measured in a process of its own. Garbage is collected between the turns, not in
  them.
- The peers are at the newest versions that install together. One that loses tasks, or runs them
  out of order, in the run says so among its remarks. What is *by hand* is code of a few lines
  without this library's promises: a limit, rather than a contender.

Times depend on the machine, ratios much less so. To measure on yours:

```console
$ make bench-quick   # few rounds, printed only
$ make bench         # writes this page and its plots
```
"""

_REACHES = """\
## What is to be reached

Rows for which a reach was set before they were measured: what the figure, which is a ratio to the
reference, a difference from it, or our own value, is to be at most or at least.
"""


def render(record: Record) -> str:
    """Return the page."""
    return "\n".join(_parts(record)).rstrip("\n") + "\n"


def plot_file(section: Section) -> Path:
    """Return where the plot of a section lies."""
    return PLOTS / f"{section.module}.svg"


def can_be_drawn(result: Result) -> bool:
    """Tell whether there is something to compare in a plot."""
    return sum(figure.value is not None for figure in result.figures) > 1


def _parts(record: Record) -> Iterator[str]:
    yield _INTRODUCTION
    yield _measured_on(record)
    left_out = [section.title for section in SECTIONS if section.module not in record.sections]
    if left_out:
        yield f"This run was no whole one. It left out: {', '.join(left_out)}.\n"
    yield _REACHES
    rows = reach_rows(record.results, missed="**MISSED**")
    met = sum(result.is_reached is True for result in record.results)
    yield f"Reached: {met} of {len(rows)}.\n"
    yield markdown(REACH_HEAD, rows)
    yield ""
    if not left_out:
        yield "### What limits the rows that miss\n"
        yield "\n".join(f"- {words}" for words in limits(record.results))
        yield ""
    for section in SECTIONS:
        if section.module in record.sections:
            yield from _section(section, record.sections[section.module])


def _measured_on(record: Record) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return f"Measured on {record.date} with {record.python}, {record.machine}, with {versions}.\n"


def _section(section: Section, results: Sequence[Result]) -> Iterator[str]:
    yield f"## {section.title}\n"
    yield f"{section.about}\n"
    if any(can_be_drawn(result) for result in results):
        yield f"![{section.title}: all contenders, ours in blue]({_address(section)})\n"
    yield markdown(CONTENDER_HEAD, contender_rows(results))
    yield ""
    remarks = [f"- {result.what}: {result.remark}" for result in results if result.remark]
    if remarks:
        yield "\n".join(remarks)
        yield ""


def _address(section: Section) -> str:
    return plot_file(section).relative_to(PAGE.parent).as_posix()
