"""Turns recorded requests into bars: CSS lengths and texts for the template.

All requests share one axis: the time since each of them arrived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, log10

from django_example.timeline.recording import RequestRecord, TaskRecord

ROWS = 12
MOST_STEPS = 8
LOOKS = {"succeeded": "good", "skipped": "", "replaced": "", "cancelled": "", "handed_off": ""}


@dataclass(frozen=True)
class Bar:
    """A stretch of time on the axis."""

    left: str
    width: str
    duration: str


@dataclass(frozen=True)
class TaskRow:
    """A task; `bar` is None if it never ran, `delay` is the time since the response ended."""

    name: str
    status: str
    look: str
    problem: str
    bar: Bar | None
    delay: str


@dataclass(frozen=True)
class RequestRow:
    """A request; `bar` is its response and None until there is one."""

    method: str
    path: str
    status: int | None
    is_bad: bool
    arrived_at: str
    bar: Bar | None
    tasks: list[TaskRow]


@dataclass(frozen=True)
class Tick:
    """A labelled line of the axis."""

    left: str
    label: str


@dataclass(frozen=True)
class Chart:
    """Everything that the template draws; `step` is the width between two ticks."""

    rows: list[RequestRow]
    ticks: list[Tick]
    step: str


def draw_chart(requests: Sequence[RequestRecord]) -> Chart:
    """Lay out the first ROWS of `requests`, which come latest first."""
    shown = requests[:ROWS]
    step, steps = _scale(max((_length(request) for request in shown), default=0.0))
    axis = step * steps
    return Chart(
        rows=[_request_row(request, axis) for request in shown],
        ticks=[Tick(_percent(n / steps), duration(n * step)) for n in range(steps + 1)],
        step=_percent(1 / steps),
    )


def duration(seconds: float) -> str:
    """Write a duration for people: `0.4 ms`, `12 ms`, `1.25 s`."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f} ms" if 0 < abs(milliseconds) < 9.95 else f"{milliseconds:.0f} ms"


def _request_row(request: RequestRecord, axis: float) -> RequestRow:
    arrived_at = datetime.fromtimestamp(request.started_at, UTC)
    return RequestRow(
        method=request.method,
        path=request.path,
        status=request.status,
        is_bad=request.status is not None and request.status >= 400,
        arrived_at=f"{arrived_at:%H:%M:%S}",
        bar=_bar(request, request.started_at, request.response_ended_at, axis),
        tasks=[_task_row(request, task, axis) for task in request.tasks],
    )


def _task_row(request: RequestRecord, task: TaskRecord, axis: float) -> TaskRow:
    delay = ""
    if task.started_at is not None and request.response_ended_at is not None:
        delay = duration(task.started_at - request.response_ended_at)
    return TaskRow(
        name=task.name,
        status=task.status.replace("_", " "),
        look=LOOKS.get(task.status, "bad"),
        problem=task.problem,
        bar=_bar(request, task.started_at, task.ended_at, axis),
        delay=delay,
    )


def _bar(request: RequestRecord, start: float | None, end: float | None, axis: float) -> Bar | None:
    if start is None or end is None:
        return None
    return Bar(
        left=_percent((start - request.started_at) / axis),
        width=_percent((end - start) / axis),
        duration=duration(end - start),
    )


def _length(request: RequestRecord) -> float:
    ends = [request.response_ended_at, *(task.ended_at for task in request.tasks)]
    return max((end - request.started_at for end in ends if end is not None), default=0.0)


def _scale(longest: float) -> tuple[float, int]:
    """Return the axis' step, a round number of seconds, and how many of them are needed."""
    longest = max(longest, 0.001)
    least = longest / MOST_STEPS
    power = 10.0 ** floor(log10(least))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    return step, ceil(round(longest / step, 3))


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.3f}%"
