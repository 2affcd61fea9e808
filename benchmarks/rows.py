"""Rows of the report whose figures are pages of sites, all measured by turns in this process."""

from __future__ import annotations

import gc
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.driving_asgi import Lifespan, get_asgi, time_asgi
from benchmarks.driving_wsgi import get_wsgi, time_wsgi
from benchmarks.faults import asgi_faults, wsgi_faults
from benchmarks.losses import Losses
from benchmarks.results import Figure, Reach, Result, compare
from benchmarks.sites.catalogue import SITES
from benchmarks.turns import Rounds, by_turns, by_turns_async

UNIT = "µs"


@dataclass(frozen=True)
class Entry:
    """One page of one site, as a figure of a row."""

    module: str
    page: str
    called: str = ""
    """In the row, where that is not the contender's name."""

    @property
    def name(self) -> str:
        return self.called or SITES[self.module].contender

    @property
    def key(self) -> str:
        return f"{self.module}{self.page}"

    @property
    def tasks(self) -> int:
        """How many each request queues."""
        return 1 if self.page[1:] in SITES[self.module].kinds else 0


@dataclass(frozen=True)
class Row:
    """A result to be; its first entry is the reference."""

    what: str
    entries: Sequence[Entry]
    reach: Reach | None = None
    remark: str = ""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int
    requests: int
    """Of each measure, one after the other."""


class _Contenders:
    """The applications of the sites that the rows name, and what is to be said of each."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.entries = {entry.key: entry for row in rows for entry in row.entries}
        self.modules: list[str] = []
        self.losses = {key: Losses() for key in self.entries}
        self.faults: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        modules = dict.fromkeys(entry.module for entry in self.entries.values())
        # The one that brings settings for all of its process has to come first.
        for module in sorted(modules, key=lambda module: not SITES[module].is_alone):
            try:
                SITES[module].take_turn()
            except Exception as error:
                self.fail(module, error)
            else:
                self.modules.append(module)

    def fail(self, module: str, error: Exception) -> None:
        """Go on without this one; its figures say why."""
        self.modules = [each for each in self.modules if each != module]
        self.errors[module] = f"could not run: {type(error).__name__}: {error}".splitlines()[0][
            :120
        ]

    def present(self) -> Iterable[Entry]:
        return [each for each in self.entries.values() if each.module in self.modules]

    def with_tasks(self) -> Mapping[str, Losses]:
        """Return the modules that run tasks, with all that their measures lost."""
        losses: dict[str, Losses] = {}
        for entry in self.present():
            if entry.tasks:
                lost = self.losses[entry.key]
                losses.setdefault(entry.module, Losses()).note(lost.lost, lost.expected)
        return losses

    def result(self, row: Row, rounds: Rounds) -> Result:
        present = {entry.name: entry for entry in row.entries if entry.key in rounds}
        measured = compare(
            row.what,
            UNIT,
            {name: rounds[entry.key] for name, entry in present.items()},
            reference=row.entries[0].name,
            reach=row.reach,
            remarks={
                name: self.faults.get(entry.module, "")
                for name, entry in present.items()
                if entry.tasks
            },
            remark=row.remark,
        )
        absent = [
            Figure(entry.name, None, remark=self.errors[entry.module])
            for entry in row.entries
            if entry.name not in present
        ]
        return replace(measured, figures=[*measured.figures, *absent])


def measure_wsgi(rows: Sequence[Row], extent: Extent) -> list[Result]:
    """Measure rows of WSGI sites, then try each contender for faults."""
    contenders = _Contenders(rows)
    for module in contenders.modules:
        try:
            get_wsgi(SITES[module].take_turn(), "/none")
        except Exception as error:
            contenders.fail(module, error)

    def measure(entry: Entry) -> Callable[[], float]:
        def timed() -> float:
            application = SITES[entry.module].take_turn()
            losses = contenders.losses[entry.key]
            return time_wsgi(application, entry.page, extent.requests, entry.tasks, losses)

        return timed

    gc.freeze()  # so that the collection before each turn need not visit all frameworks
    rounds = by_turns({each.key: measure(each) for each in contenders.present()}, extent.rounds)
    for module, losses in contenders.with_tasks().items():
        contenders.faults[module] = wsgi_faults(SITES[module].take_turn(), losses)
    return [contenders.result(row, rounds) for row in rows]


async def measure_asgi(rows: Sequence[Row], extent: Extent) -> list[Result]:
    """Measure rows of ASGI sites, then try each contender for faults."""
    contenders = _Contenders(rows)
    lifespans = []
    for module in contenders.modules:
        try:
            lifespan = Lifespan(SITES[module].take_turn())
            await lifespan.start()
            lifespans.append(lifespan)
            await get_asgi(SITES[module].take_turn(), "/none")
        except Exception as error:
            contenders.fail(module, error)

    def measure(entry: Entry) -> Callable[[], Awaitable[float]]:
        async def timed() -> float:
            application = SITES[entry.module].take_turn()
            losses = contenders.losses[entry.key]
            return await time_asgi(application, entry.page, extent.requests, entry.tasks, losses)

        return timed

    measures = {each.key: measure(each) for each in contenders.present()}
    gc.freeze()  # as above
    rounds = await by_turns_async(measures, extent.rounds)
    for module, losses in contenders.with_tasks().items():
        contenders.faults[module] = await asgi_faults(SITES[module].take_turn(), losses)
    for lifespan in lifespans:
        await lifespan.end()
    return [contenders.result(row, rounds) for row in rows]


def print_results(results: Sequence[Result]) -> None:
    """Print them as ``sections`` reads them."""
    print(json.dumps([result.to_json() for result in results]))
