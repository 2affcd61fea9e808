"""What a task waits for that is added inside ``atomic()``: that its transactions commit.

Django calls an ``on_commit`` function at the commit and drops it at a rollback, of the whole
transaction or of the savepoint inside which it was given. So the one that is given here tells its
hold when it is called, and when nobody has it any more.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Literal

from bgtasks_adapters.django.connections import connections_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.backends.base.base import BaseDatabaseWrapper

_ROLLED_BACK = "its transaction was rolled back"
_LOST = "commit hook lost: another on_commit function raised before it, behind the commit"


def hold_of_open_transactions() -> CommitHold | None:
    """Return what waits for every transaction that is open on this thread; None without one."""
    found = [c for c in connections_here() if _is_in_transaction(c)]
    return CommitHold(found) if found else None


def _is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    # A TestCase's own transaction is none: it never commits, and nobody means it.
    return connection.in_atomic_block and not all(
        getattr(block, "_from_testcase", False) for block in connection.atomic_blocks
    )


class CommitHold:
    """The wait of one task for the commit of every transaction it was added in (``holds.Hold``)."""

    def __init__(self, open_connections: list[BaseDatabaseWrapper]) -> None:
        self._commits = [_Commit(connection, self._note) for connection in open_connections]
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[], object]] = []
        for commit in self._commits:
            commit.register()

    @property
    def is_waiting(self) -> bool:
        fates = [commit.fate for commit in self._commits]
        return "open" in fates and not any(fate in ("rolled back", "lost") for fate in fates)

    @property
    def why_dropped(self) -> str | None:
        fates = [commit.fate for commit in self._commits]
        if "rolled back" in fates:
            return _ROLLED_BACK
        return _LOST if "lost" in fates else None

    def call_when_decided(self, callback: Callable[[], object], /) -> None:
        with self._lock:
            self._callbacks.append(callback)
        self._note()

    def _note(self) -> None:
        if self.is_waiting:
            return
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class _Commit:
    """The commit of one connection's transaction, as far as one hook in it can tell."""

    def __init__(self, connection: BaseDatabaseWrapper, note: Callable[[], None]) -> None:
        self._connection = connection
        self._note = note
        self._fate: Literal["open", "committed", "rolled back", "lost"] = "open"
        self._hook: weakref.ref[_Hook] | None = None

    def register(self) -> None:
        hook = _Hook(self)
        self._hook = weakref.ref(hook)
        self._connection.on_commit(hook, robust=True)

    @property
    def fate(self) -> Literal["open", "committed", "rolled back", "lost"]:
        if self._fate != "open" or self._hook is None:
            return self._fate
        hook = self._hook()
        if not any(entry[1] is hook for entry in self._connection.run_on_commit):
            return "lost"  # alive in the traceback of what was raised instead
        return "open" if _is_in_transaction(self._connection) else "committed"  # in a TestCase

    def called(self) -> None:
        self._fate = "committed"
        self._note()

    def dropped(self) -> None:
        if self._fate == "open":
            # Hooks run when autocommit is on again; a rollback comes before.
            self._fate = "lost" if self._connection.autocommit else "rolled back"
            self._note()


class _Hook:
    """What Django is given: called at the commit, and held by Django alone until then."""

    def __init__(self, commit: _Commit) -> None:
        self._commit = commit

    def __call__(self) -> None:
        self._commit.called()

    def __del__(self) -> None:
        self._commit.dropped()
