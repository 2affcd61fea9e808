"""A contender that may fail in the middle of a run, without the others losing their figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isnan, nan

from benchmarks.arrivals import ClientError
from benchmarks.results import Figure, Result
from benchmarks.serving import ServingError
from benchmarks.turns import Rounds
from benchmarks.wrk import WrkError


class Guarded:
    """Keeps the failure of a contender; from there on its measures give nan."""

    def __init__(self, failure: str = "") -> None:
        self.failure = failure
        """Why it cannot be measured, or no longer; empty as long as it can."""

    def measure(self, take: Callable[[], float]) -> Callable[[], float]:
        """Return a measure for ``by_turns``."""

        def taken() -> float:
            if self.failure:
                return nan
            try:
                return take()
            except (WrkError, ClientError, ServingError, OSError) as error:
                self.failure = str(error) or repr(error)
                return nan

        return taken


def without_failed(rounds: Rounds) -> Rounds:
    """Leave out the contenders that failed in some round."""
    return {name: taken for name, taken in rounds.items() if not any(map(isnan, taken))}


def with_failed(result: Result, remarks: Sequence[tuple[str, str]]) -> Result:
    """Add a figure without a value for each of these names, with its remark."""
    failed = [Figure(name, None, remark=remark) for name, remark in remarks]
    return replace(result, figures=[*result.figures, *failed])
