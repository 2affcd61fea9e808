"""What a measurement gives: figures of contenders side by side, and what ours is to reach.

Data only, and its way to JSON and back, because most measurements run in a process of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any, Literal

OURS = "bgtasks_adapters"


@dataclass(frozen=True)
class Figure:
    """What was measured of one contender: the median of all rounds, and the quartiles."""

    name: str
    value: float | None
    """In the unit of the result; None where it could not be measured, and ``remark`` says why."""
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    """To the reference: the median of the rounds' own ratios, because a round's turns follow each
    other and meet the same machine."""
    difference: float | None = None
    """To the reference, in the unit of the result; also the median of the rounds' own."""
    remark: str = ""
    """What its reader must know, such as "loses 3 of 100 tasks"."""


@dataclass(frozen=True)
class Reach:
    """What our own figure is to be at most, or at least."""

    limit: float
    of: Literal["ratio", "value", "difference"] = "ratio"
    is_least: bool = False

    def is_met(self, figure: Figure) -> bool:
        reached: float | None = getattr(figure, self.of)
        if reached is None:
            return False
        return reached >= self.limit if self.is_least else reached <= self.limit


@dataclass(frozen=True)
class Point:
    """Where a result stands in a plot of lines: results of one plot, at several sizes."""

    plot: str
    """The title of the plot, by which its results find each other."""
    axis: str
    """What grows: "tasks in a response"."""
    x: float
    unit: str
    """Of what is drawn: that of the values, or of their products with ``factor``."""
    factor: float = 1


@dataclass(frozen=True)
class Result:
    """One row of the table: contenders measured by turns, in one run."""

    what: str
    """In words, as Markdown, and without the name of a contender."""
    unit: str
    """Of the values: "µs", "ms", "KiB", "requests/s"."""
    figures: Sequence[Figure]
    reference: str | None = None
    """The name of the figure that ratios and differences are to."""
    reach: Reach | None = None
    remark: str = ""
    point: Point | None = None
    """Given where results are drawn as lines; else each is drawn as bars."""

    @property
    def ours(self) -> Figure | None:
        return next((figure for figure in self.figures if figure.name == OURS), None)

    @property
    def is_reached(self) -> bool | None:
        """Whether ours reaches what it is to reach; None where nothing was set."""
        if self.reach is None:
            return None
        return self.ours is not None and self.reach.is_met(self.ours)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "is_reached": self.is_reached}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Result:
        reach, point = record["reach"], record.get("point")
        return cls(
            record["what"],
            record["unit"],
            tuple(Figure(**figure) for figure in record["figures"]),
            record["reference"],
            None if reach is None else Reach(**reach),
            record["remark"],
            None if point is None else Point(**point),
        )


def compare(
    what: str,
    unit: str,
    rounds: Mapping[str, Sequence[float]],
    *,
    reference: str | None = None,
    reach: Reach | None = None,
    remarks: Mapping[str, str] | None = None,
    remark: str = "",
    point: Point | None = None,
) -> Result:
    """Make a result of each contender's rounds, which are in the unit of the result already.

    A contender without rounds is one that could not be measured: its remark says why.
    """
    remarks = remarks or {}
    beside = None if reference is None else rounds[reference] or None
    figures = tuple(
        _figure(name, own, beside, remarks.get(name, "")) for name, own in rounds.items()
    )
    return Result(what, unit, figures, reference, reach, remark, point)


def _figure(name: str, own: Sequence[float], beside: Sequence[float] | None, remark: str) -> Figure:
    if not own:
        return Figure(name, None, remark=remark)
    low, _, high = quantiles(own, n=4, method="inclusive") if len(own) > 1 else (own[0],) * 3
    ratio = difference = None
    if beside is not None:
        pairs = list(zip(own, beside, strict=True))
        ratio = median(mine / theirs for mine, theirs in pairs)
        difference = median(mine - theirs for mine, theirs in pairs)
    return Figure(name, median(own), low, high, ratio, difference, remark)
