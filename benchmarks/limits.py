"""What limits the rows that miss their reach, in words around figures of the same run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.results import OURS, Figure, Result
from benchmarks.tables import number

WITH_CARE = "by hand, with care"
BY_HAND = "by hand"
_LIST = "list.append, by hand"


class Figures:
    """The figures of a run, by the beginning of their row's words and the contender's name."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._results = results

    def of(self, what: str, name: str = OURS) -> Figure:
        return next(
            figure
            for result in self._results
            if result.what.startswith(what)
            for figure in result.figures
            if figure.name == name
        )

    def reference(self, what: str) -> float:
        """Return what the others of a row stand beside."""
        result = next(result for result in self._results if result.what == what)
        return self.value(what, result.reference or "")

    def value(self, what: str, name: str = OURS) -> float:
        return self.of(what, name).value or 0.0

    def ratio(self, what: str, name: str = OURS) -> str:
        return f"{number(self.of(what, name).ratio)} x"

    def more(self, what: str, name: str = OURS) -> str:
        return f"{number(self.of(what, name).difference)} µs"

    def sum(self, what: str) -> float:
        """Add up the steps of a row; one that is part of another is none of them."""
        (result,) = (result for result in self._results if result.what.startswith(what))
        return sum(f.value or 0.0 for f in result.figures if not f.name.startswith("of the"))


def limits(results: Sequence[Result]) -> Iterator[str]:
    """Yield a paragraph for each kind of row."""
    found = Figures(results)
    added = "`add_task`, `def`, within a response"
    yield (
        "`add_task`: a copy of the context and an `append` by hand take "
        f"{found.ratio(added, _LIST)}. The rest is the object that is returned, with all that can "
        "become of a task, the look at the function and its arguments, and the question whose "
        "response this line belongs to."
    )
    yield (
        "Many `async def` tasks: Starlette awaits the functions themselves. Here each runs in the "
        "context of the line that added it, and after a response each is also claimed, timed, "
        "counted and given its fate, as it ends."
    )
    django = "Django under WSGI: a request that queues nothing"
    flask = "Flask: a request that queues nothing"
    boundary = "A bare WSGI callable"
    yield (
        f"Requests without a task: 5 % of the bare view are {_share(found, django)} in Django and "
        f"{_share(found, flask)} in Flask, and a boundary alone takes {found.more(boundary)}. To "
        "see how the view ended, so that tasks of one that raised do not run, and to close what it "
        f"returned bring that to {found.more(django)} and {found.more(flask)}."
    )
    task = "Django under WSGI: a request with one `def` task"
    yield (
        "Requests with a task in Django: what is written by hand with the least care for context, "
        f"language, time zone and connections takes {found.ratio(task, WITH_CARE)} of what is "
        f"written without; ours, with its order, fates, limits and receipt, {found.ratio(task)}."
    )
    asgi = "Starlette: a request with one `async def` task"
    steps = "A response with one `async def` task, by steps"
    yield (
        "Full load on a loop: all is on one thread, so that each microsecond counts. A middleware "
        "by hand that sees the last message, copies contexts, keeps the order and logs failures "
        f"takes {found.more(asgi, WITH_CARE)} a request more than Starlette without a task; ours "
        f"takes {found.more(asgi)}. Our own steps (see below) are {number(found.sum(steps))} of "
        "these microseconds, with warm caches; the rest is what they take longer in a request, the "
        "boundary, and the task of the loop that no end of the request reaches. In FastAPI, the "
        "dependency with `yield`, by which an `HTTPException` is seen, comes on top. The answer "
        "times follow from all that."
    )
    memory = "10,000 responses with a task each, memory"
    pool = found.value(memory, "ThreadPoolExecutor.submit, by hand")
    yield (
        "The memory of many responses: a response that waits is more than its task. By hand, in "
        f"a thread pool, one takes {number(pool)} KiB; ours {number(found.value(memory))} KiB."
    )
    scaling = "Flask on gunicorn gthread: requests/s with 2 workers, of those with 1"
    yield (
        "Two processes: what one writes by hand gains "
        f"{found.ratio(scaling, BY_HAND)} of what the same pages gain without tasks, and ours "
        f"{found.ratio(scaling)}. There are two processors; the load takes its share of them, and "
        "a task on a thread wants a third."
    )


def _share(found: Figures, what: str) -> str:
    return f"{number(0.05 * found.reference(what))} µs"
