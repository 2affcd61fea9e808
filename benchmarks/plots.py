"""The plots of the page: bars for each result, or lines where results stand at several sizes.

SVG that is the same for the same figures. The colours are those of Okabe and Ito, which people
with any kind of colour vision can tell apart; ours is the blue one, and nobody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from textwrap import wrap
from typing import Any

from benchmarks.page import PLOTS, can_be_drawn, plot_file
from benchmarks.record import Record
from benchmarks.results import OURS, Figure, Result
from benchmarks.sections import SECTIONS, Section
from benchmarks.tables import number, what_to_reach

BLUE, GREY, DARK_GREY, VERMILION = "#0072B2", "#B5B5B5", "#7A7A7A", "#D55E00"
OTHERS = ("#E69F00", "#009E73", "#CC79A7", "#000000", "#D55E00", "#56B4E9", "#8C6D31")
MARKERS = "sD^vPX*"
WIDEST_TITLE = 90
"""In characters; a longer one goes on below."""
WIDE = 50
"""From which ratio on between the longest and the shortest bar their axis is logarithmic."""

STYLE = {
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "font.family": "sans-serif",
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": OURS,  # else its identifiers are random
}


def draw_all(record: Record) -> None:
    """Draw the plot of every section that has something to draw."""
    import matplotlib as mpl  # pyright: ignore[reportMissingImports]

    PLOTS.mkdir(exist_ok=True)
    with mpl.rc_context(STYLE):
        for section in SECTIONS:
            results = [r for r in record.sections.get(section.module, ()) if can_be_drawn(r)]
            if results:
                _draw(section, results)


def _draw(section: Section, results: Sequence[Result]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # pyright: ignore[reportMissingImports]
    from matplotlib.figure import Figure as Canvas  # pyright: ignore[reportMissingImports]

    lines: dict[str, list[Result]] = {}
    for result in results:
        if result.point is not None:
            lines.setdefault(result.point.plot, []).append(result)
    bars = [result for result in results if result.point is None]
    rows = -(-len(lines) // 2)
    heights = [3.4] * rows + [
        0.75 + 0.15 * len(_title_lines(result)) + 0.27 * len(_drawn(result)) for result in bars
    ]
    canvas = Canvas(figsize=(9, sum(heights)))
    FigureCanvasAgg(canvas)
    grid = canvas.add_gridspec(len(heights), 2, height_ratios=heights)
    for place, group in enumerate(lines.values()):
        _draw_lines(canvas.add_subplot(grid[place // 2, place % 2]), group)
    for row, result in enumerate(bars, start=rows):
        _draw_bars(canvas.add_subplot(grid[row, :]), result)
    canvas.savefig(plot_file(section), metadata={"Date": None})


def _drawn(result: Result) -> list[Figure]:
    return [figure for figure in result.figures if figure.value is not None]


def _is_ours(name: str) -> bool:
    return name.startswith(OURS)


def _title_lines(result: Result) -> list[str]:
    return wrap(_plain(result.what), WIDEST_TITLE)


def _draw_bars(axes: Any, result: Result) -> None:
    figures = _drawn(result)[::-1]  # from the bottom to the top
    values = [figure.value or 0.0 for figure in figures]
    colours = [
        BLUE if _is_ours(figure.name) else DARK_GREY if figure.name == result.reference else GREY
        for figure in figures
    ]
    axes.barh([figure.name for figure in figures], values, color=colours, height=0.72)
    for row, (figure, value) in enumerate(zip(figures, values, strict=True)):
        if figure.low is not None and figure.high is not None:
            axes.plot([figure.low, figure.high], [row, row], color="black", linewidth=0.8)
        end = max(value, figure.high or value)
        axes.annotate(
            number(value), (end, row), (4, 0), textcoords="offset points", va="center", fontsize=8
        )
    if min(values) > 0 and max(values) / min(values) > WIDE:
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 2, max(values) * 2)
    else:
        axes.margins(x=0.12)
        axes.set_xlim(left=min(0.0, *values))
    _draw_limit(axes, result)
    axes.set_title("\n".join(_title_lines(result)), pad=12)  # the limit's words stand below it
    is_log = axes.get_xscale() == "log"
    unit = f"{result.unit}, logarithmic" if is_log else result.unit
    axes.set_xlabel(unit, loc="right", labelpad=1)
    axes.tick_params(axis="y", length=0)


def _draw_limit(axes: Any, result: Result) -> None:
    limit = _limit(result)
    if limit is None or result.reach is None:
        return
    axes.set_xlim(right=max(axes.get_xlim()[1], limit * 1.2))  # its words stand to the right of it
    axes.axvline(limit, color=VERMILION, linestyle=(0, (4, 2)), linewidth=1.2)
    axes.annotate(
        what_to_reach(result, result.reach),
        (limit, 1.0),
        (3, 1),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=VERMILION,
        fontsize=7,
    )


def _limit(result: Result) -> float | None:
    """Return what is to be reached, in the unit of the values."""
    reach = result.reach
    if reach is None or reach.of == "value":
        return None if reach is None else reach.limit
    beside = next((f.value for f in result.figures if f.name == result.reference), None)
    if beside is None:
        return None
    return beside * reach.limit if reach.of == "ratio" else beside + reach.limit


def _draw_lines(axes: Any, results: Sequence[Result]) -> None:
    names = list(dict.fromkeys(f.name for result in results for f in _drawn(result)))
    styles = cycle(zip(OTHERS, MARKERS, strict=True))
    for name in names:
        colour, marker, width = (BLUE, "o", 2.6) if _is_ours(name) else (*next(styles), 1.3)
        points = [
            (result.point.x, figure.value * result.point.factor)
            for result in results
            for figure in result.figures
            if result.point is not None and figure.name == name and figure.value is not None
        ]
        axes.plot(
            *zip(*points, strict=True),
            color=colour,
            marker=marker,
            markersize=5,
            linewidth=width,
            label=name,
            zorder=3 if _is_ours(name) else 2,
        )
    point = results[0].point
    assert point is not None
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(color="#E0E0E0", linewidth=0.6)
    axes.set_title(_plain(point.plot))
    axes.set_xlabel(point.axis)
    axes.set_ylabel(point.unit)
    axes.legend(fontsize=7, framealpha=0.7, edgecolor="none")


def _plain(markdown: str) -> str:
    return markdown.replace("`", "").replace("*", "")
