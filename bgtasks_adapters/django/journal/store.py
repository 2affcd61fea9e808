"""A journal's entries in a table of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.core.signing import BadSignature, Signer
from django.db import DatabaseError, InterfaceError, connections, router
from django.db.models import F

from bgtasks_adapters.concurrency import is_on_loop
from bgtasks_adapters.django.journal.models import Entry
from bgtasks_adapters.exceptions import JournalError
from bgtasks_adapters.stores import NewRow, Row, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet

T = TypeVar("T")

_signer = Signer(salt="bgtasks_adapters.journal")


class TableStore(Store):
    """Entries in the table that the router gives for the model, on each thread's own connection."""

    @property
    def alias(self) -> str:
        """The database that has the table."""
        return router.db_for_write(Entry)

    def add(self, row: NewRow) -> int:
        """Write on the connection of the view, and so as a part of its transaction."""
        if is_on_loop():
            raise JournalError(
                f"add_task({row.name}, ...) was called on an event loop, where Django's database "
                "cannot be used. Use: await sync_to_async(tasks.add_task)(...), or let this one "
                "task do without the journal: tasks.using(journal=False).add_task(...)"
            )
        entry = Entry(
            uid=row.id,
            response=row.response,
            path=row.path,
            arguments=row.arguments,
            options=row.options,
            name=row.name,
            added_at=row.added_at,
            owner=row.owner,
            signature=_signer.signature(_signed(row)),
        )
        entry.save(force_insert=True, using=self.alias)
        return entry.number

    def check(self, row: Row) -> None:
        """Refuse what was not written by this project: its functions are called by name."""
        try:
            _signer.unsign(f"{_signed(row)}{_signer.sep}{row.signature}")
        except BadSignature:
            raise JournalError(
                "it was not written by this project, or under another SECRET_KEY; put a former one "
                "into SECRET_KEY_FALLBACKS"
            ) from None

    def delete(self, numbers: Sequence[int]) -> None:
        self._step(lambda: self._entries.filter(number__in=numbers).delete())

    def release(self, numbers: Sequence[int], due_at: float, reason: str | None) -> None:
        free = {"owner": None, "due_at": due_at, "reason": reason}
        self._step(lambda: self._entries.filter(number__in=numbers).update(**free))

    def owners(self) -> list[str]:
        owned = self._entries.filter(owner__isnull=False, is_set_aside=False)
        found = owned.order_by().values_list("owner", flat=True).distinct()
        return self._step(lambda: [owner for owner in found.all() if owner is not None])

    def rows_of(self, owner: str | None, due_by: float, limit: int) -> list[Row]:
        mine = self._of(owner).filter(is_set_aside=False, due_at__lte=due_by)
        found = mine.order_by("crashes", "number")
        return self._step(lambda: [_row(entry) for entry in found.all()[:limit]])

    def claim(self, rows: Sequence[Row], owner: str) -> list[Row]:
        return self._step(lambda: [row for each in rows for row in self._claim(each, owner)])

    def _claim(self, row: Row, owner: str) -> list[Row]:
        # One statement a row, which only one of several processes can succeed with.
        more = 0 if row.owner is None else 1
        changed = {"owner": owner, "crashes": F("crashes") + more, "reason": None}
        if not self._still(row).update(**changed):
            return []
        return [row._replace(owner=owner, crashes=row.crashes + more)]

    def set_aside(self, number: int, reason: str) -> None:
        aside = {"is_set_aside": True, "owner": None, "reason": reason}
        self._step(lambda: self._entries.filter(number=number).update(**aside))

    def all_rows(self) -> list[Row]:
        return self._step(lambda: [_row(entry) for entry in self._entries.order_by("number")])

    def renew(self, rows: Sequence[Row]) -> int:
        anew = {"owner": None, "crashes": 0, "due_at": 0.0, "reason": None, "is_set_aside": False}
        return self._step(lambda: sum(self._still(row).update(**anew) for row in rows))

    def discard(self, rows: Sequence[Row]) -> int:
        return self._step(lambda: sum(self._still(row).delete()[0] for row in rows))

    def close(self) -> None:
        connection = connections[self.alias]
        if not connection.in_atomic_block:
            connection.close()

    def forget_connection(self) -> None:
        """Do nothing: Django's connections belong to threads, and those are not forked."""

    @property
    def _entries(self) -> QuerySet[Entry]:
        return Entry.objects.using(self.alias)

    def _of(self, owner: str | None) -> QuerySet[Entry]:
        entries = self._entries
        return entries.filter(owner__isnull=True) if owner is None else entries.filter(owner=owner)

    def _still(self, row: Row) -> QuerySet[Entry]:
        """Return an entry as long as it belongs to whom it did."""
        return self._of(row.owner).filter(number=row.number, is_set_aside=row.is_set_aside)

    def _step(self, step: Callable[[], T]) -> T:
        """Take a step on this thread's connection; once more if that one was broken."""
        connection = connections[self.alias]
        if connection.in_atomic_block:
            return step()
        try:
            return step()
        except (DatabaseError, InterfaceError):
            connection.close()
        return step()


def _signed(row: NewRow | Row) -> str:
    return "\n".join((row.path, row.arguments, row.options))


def _row(entry: Entry) -> Row:
    return Row(
        entry.number,
        entry.uid,
        entry.response,
        entry.path,
        entry.arguments,
        entry.options,
        entry.name,
        entry.added_at,
        entry.owner,
        entry.crashes,
        entry.due_at,
        entry.reason,
        entry.is_set_aside,
        entry.signature,
    )
