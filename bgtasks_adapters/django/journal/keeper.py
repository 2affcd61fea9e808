"""The journal that ``BGTASKS = {"JOURNAL": True}`` is."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bgtasks_adapters.django import testcase
from bgtasks_adapters.django.journal.leases import leases_of
from bgtasks_adapters.django.journal.store import TableStore
from bgtasks_adapters.keeping import CRASHES, StoredKeeper

if TYPE_CHECKING:
    from bgtasks_adapters.entries import Entry, Response
    from bgtasks_adapters.tasks import BackgroundTask


class TableKeeper(StoredKeeper):
    """Keep tasks in the project's database; in its tests only check that they could be kept."""

    is_transactional = True

    def begin(self, response: Response, /) -> None:
        if not testcase.is_test_run():
            super().begin(response)

    def entry_for(self, task: BackgroundTask, response: Response, /) -> Entry | None:
        if testcase.is_test_run():
            self.check(task)
            return None
        return super().entry_for(task, response)


@cache
def project_journal() -> TableKeeper:
    """Return the one journal of the project, in this process."""
    store = TableStore()
    return TableKeeper(store, leases_of(store.alias), CRASHES)
