"""Figures in words and tables: of the reaches, for terminal and page, and of all contenders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.results import OURS, Figure, Reach, Result

REACH_HEAD = ("what", "ours", "reference", "figure", "reach", "")
CONTENDER_HEAD = ("what", "contender", "median", "quartiles", "beside the reference", "remarks")


def number(value: float | None) -> str:
    """Write a number with three digits that count, and no exponent."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2
    while abs(value) < 10 ** (2 - digits) and digits < 6:
        digits += 1
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits > 2 else f"{value:.3g}"


def quantity(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{number(value)} {unit}"


def what_was_reached(result: Result) -> str:
    """Say what ours gave, in the way that its reach is set."""
    reach, ours = result.reach, result.ours
    if reach is None or ours is None:
        return "-"
    value: float | None = getattr(ours, reach.of)
    return _in_way_of(reach, value, result.unit, is_signed=True)


def what_to_reach(result: Result, reach: Reach) -> str:
    limit = _in_way_of(reach, reach.limit, result.unit)
    more = " more" if reach.of == "difference" else ""
    return f"{'at least' if reach.is_least else 'at most'} {limit}{more}"


def _in_way_of(reach: Reach, value: float | None, unit: str, *, is_signed: bool = False) -> str:
    if value is None:
        return "not measured"
    if reach.of == "ratio":
        return f"{number(value)} x"
    sign = "+" if is_signed and reach.of == "difference" and value >= 0 else ""
    return f"{sign}{number(value)} {unit}"


def reach_rows(results: Iterable[Result], missed: str) -> list[tuple[str, ...]]:
    """Return a row for each result that has something to reach; ``missed`` marks a miss."""
    rows: list[tuple[str, ...]] = []
    for result in results:
        if result.reach is None:
            continue
        ours = result.ours
        reference = _figure(result, result.reference)
        beside = "" if reference is None else quantity(reference.value, result.unit)
        rows.append(
            (
                result.what,
                quantity(None if ours is None else ours.value, result.unit),
                f"{result.reference}: {beside}" if reference else "",
                what_was_reached(result),
                what_to_reach(result, result.reach),
                "reached" if result.is_reached else missed,
            )
        )
    return rows


def contender_rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """Return a row for each contender of each result; the result's name stands in the first."""
    rows: list[tuple[str, ...]] = []
    for result in results:
        what = result.what
        for figure in result.figures:
            is_ours = figure.name.startswith(OURS)
            rows.append(
                (
                    what,
                    f"**{figure.name}**" if is_ours else figure.name,
                    quantity(figure.value, result.unit),
                    _quartiles(figure),
                    _beside(result, figure),
                    figure.remark,
                )
            )
            what = ""
    return rows


def _quartiles(figure: Figure) -> str:
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return ""
    return f"{number(figure.low)} to {number(figure.high)}"


def _beside(result: Result, figure: Figure) -> str:
    if figure.name == result.reference:
        return "reference"
    if result.reach is not None and result.reach.of == "difference":
        return "" if figure.difference is None else f"{figure.difference:+.3g} {result.unit}"
    return "" if figure.ratio is None else f"{number(figure.ratio)} x"


def _figure(result: Result, name: str | None) -> Figure | None:
    return next((figure for figure in result.figures if figure.name == name), None)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, cells))} |" for cells in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def terminal(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in columns."""
    lines = [tuple(head), *(tuple(cells) for cells in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in lines
    )
