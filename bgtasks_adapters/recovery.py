"""Tasks of processes that died, run by one that lives.

Each has seen one crash more then. The first time that may have been any task's fault, so several
of them run side by side; one that the next crash would set aside runs while nothing else that was
recovered does, so that it is the culprit if the process dies again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from operator import attrgetter
from threading import main_thread
from time import time
from typing import TYPE_CHECKING

from bgtasks_adapters.descriptions import understand
from bgtasks_adapters.dispatch import ResponseScope
from bgtasks_adapters.entries import Entry, Keeper
from bgtasks_adapters.events import logger
from bgtasks_adapters.options import Options
from bgtasks_adapters.process import ledger
from bgtasks_adapters.shutdown import shutdown
from bgtasks_adapters.tasks import BackgroundTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bgtasks_adapters.entries import Response
    from bgtasks_adapters.keeping import StoredKeeper
    from bgtasks_adapters.stores import Row

_AT_ONCE = 200
"""So many entries of one process are read at a time."""


class Recovery:
    """What one process takes over, run with the settings and surroundings of a response of it."""

    def __init__(self, keeper: StoredKeeper, response: Response) -> None:
        self._keeper = keeper
        self._store = keeper.store
        self._settings = response.settings
        self._hosts = response.hosts
        self._loop = response.loop
        self._running: dict[int, object] = {}
        """The numbers of entries that run or wait here, each with what it runs within."""
        self._is_one_suspected = False
        self._found: deque[list[Row]] = deque()
        """What there was at the last look, and was not taken yet: by now others may have it."""
        self._is_there_more = False
        """Whether not all of it was read."""

    def ended(self, numbers: Iterable[int]) -> None:
        """Note that tasks have ended, which makes room for others."""
        for number in numbers:
            self._running.pop(number, None)
        if not self._running:
            self._is_one_suspected = False

    def look(self) -> None:
        """Find what can be taken over, and take as much as there is room for."""
        rows = self._rows()
        self._is_there_more = len(rows) >= _AT_ONCE
        self._found = deque(_groups(rows, self._keeper.set_aside_after))
        self.go_on()

    def go_on(self) -> None:
        """Take over what was found, as far as there is room for it."""
        if not main_thread().is_alive() or shutdown.is_left_to_the_server:
            return  # this process ends; others will take it
        while self._found and self._has_room_for(self._found[0]):
            self._take(self._found.popleft())

    @property
    def has_to_look(self) -> bool:
        """Tell whether all that was found is taken, and there is more."""
        return self._is_there_more and not self._found

    def _rows(self) -> list[Row]:
        now = time()
        own = self._keeper.take_lease()
        dead = [
            owner
            for owner in self._store.owners()
            if owner != own and self._keeper.leases.is_dead(owner)
        ]
        return [row for owner in (None, *dead) for row in self._store.rows_of(owner, now, _AT_ONCE)]

    def _has_room_for(self, group: list[Row]) -> bool:
        if self._is_one_suspected or not ledger.has_room(self._settings.max_pending):
            return False
        if _is_suspected(group[0], self._keeper.set_aside_after):
            return not self._running
        return len(set(self._running.values())) < self._settings.max_workers

    def _take(self, group: list[Row]) -> None:
        limit = self._keeper.set_aside_after
        due: list[Row] = []
        for row in self._store.claim(group, self._keeper.take_lease()):
            if row.crashes >= limit:
                self._set_aside(row, f"{row.crashes} processes died that had it")
            else:
                due.append(row)
        if due:
            self._is_one_suspected = _is_suspected(group[0], limit)
            self._start(due)

    def _start(self, rows: list[Row]) -> None:
        replay = _Replay(self._keeper)
        scope = ResponseScope(replace(self._settings, journal=replay), loop=self._loop)
        scope.hosts = self._hosts
        for row in rows:
            try:
                self._store.check(row)
                replay.entry = self._keeper.entry_of(row.number)
                _add(scope, row)
            except Exception as error:  # renamed meanwhile, for one
                self._set_aside(row, f"it cannot be run: {error}")
            else:
                self._running[row.number] = scope
        for task in scope.tasks:
            logger.info("Background task %s is taken over from the journal", task.name)
        scope.view_returned()
        if scope.note_end():
            scope.start()

    def _set_aside(self, row: Row, reason: str) -> None:
        self._store.set_aside(row.number, reason)
        logger.error("Background task %s (%d) was set aside: %s", row.name, row.number, reason)


def _add(scope: ResponseScope, row: Row) -> None:
    call = understand(row)
    task = BackgroundTask.of(call.func, tuple(call.args), call.kwargs)
    task.set_options(Options(**call.options, when="always", id=row.id))
    scope.append(task)


def _is_suspected(row: Row, limit: int) -> bool:
    """Tell whether one more crash sets it aside, if it is taken over now."""
    crashes = row.crashes + (row.owner is not None)
    return 0 < crashes == limit - 1


def _groups(rows: list[Row], limit: int) -> Iterator[list[Row]]:
    """Put together what ran in order; a suspected one is by itself, behind all others."""
    together: dict[object, list[Row]] = {}
    suspected: list[Row] = []
    for row in sorted(rows, key=attrgetter("number")):
        if _is_suspected(row, limit):
            suspected.append(row)
        else:
            together.setdefault((row.owner, row.response), []).append(row)
    yield from together.values()
    yield from ([row] for row in suspected)


class _Replay(Keeper):
    """Gives tasks the entries that they have; what they add themselves is new to the journal."""

    def __init__(self, keeper: StoredKeeper) -> None:
        self._keeper = keeper
        self.is_transactional = keeper.is_transactional
        self.entry: Entry | None = None

    def begin(self, response: Response, /) -> None:
        """Do nothing: it has begun."""

    def check(self, task: BackgroundTask, /) -> None:
        self._keeper.check(task)

    def entry_for(self, task: BackgroundTask, response: Response, /) -> Entry | None:
        entry, self.entry = self.entry, None
        return entry or self._keeper.entry_for(task, response)
