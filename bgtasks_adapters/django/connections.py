"""The database connections of a thread that runs tasks: few, clean, and usable for each task.

Django takes this care for requests alone. Connections belong to a thread; nothing here ever looks
at those of another one.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.backends.signals import connection_created

from bgtasks_adapters.concurrency import running_asyncio_loop
from bgtasks_adapters.events import logger
from bgtasks_adapters.workers import call_at_thread_end

if TYPE_CHECKING:
    from collections.abc import Iterator

RECHECK_SECONDS = 1.0
"""How long a trip may have lasted since its connections were checked, for the next task to check
them again. A database that closes what idles waits longer than that."""

_thread = threading.local()


class ConnectionCare:
    """See to a thread's connections from the first to the last task of a trip.

    A connection that was kept open is checked when a task first uses it, by Django's own health
    check, whatever ``CONN_HEALTH_CHECKS`` says: the database may have closed it while it idled, and
    there is nobody who would reload a page to try again. That is one round trip to the database,
    and none if no task uses it.
    """

    def __enter__(self) -> ConnectionCare:
        clean_connections()
        # Somebody's who is not done with them, such as a TestCase.
        self._in_transaction = {each.alias for each in connections_here() if each.in_atomic_block}
        self._is_inside_another = getattr(_thread, "is_on_trip", False)
        _thread.is_on_trip = True
        self._have_checked_at_next_use()
        return self

    def before_task(self) -> None:
        self._end_left_transactions()
        clean_connections(only_broken=True)
        if monotonic() - self._checked_at >= RECHECK_SECONDS:
            self._have_checked_at_next_use()

    def _end_left_transactions(self) -> None:
        """Roll back what a task has left open: what comes behind it would never be committed."""
        for connection in connections_here():
            if connection.in_atomic_block and connection.alias not in self._in_transaction:
                logger.error(
                    "A background task left a transaction of the database %r open; it is rolled "
                    "back. Use atomic() as a context manager or a decorator.",
                    connection.alias,
                )
                connection.close()
                del connections[connection.alias]  # Django lets it connect no more

    def __exit__(self, *error: object) -> None:
        _thread.is_on_trip = self._is_inside_another
        self._end_left_transactions()
        clean_connections()
        for connection in _outside_transactions():
            # This thread may be the view's own, with tasks run inline.
            connection.health_check_enabled = connection.settings_dict["CONN_HEALTH_CHECKS"]

    def _have_checked_at_next_use(self) -> None:
        self._checked_at = monotonic()
        for connection in _outside_transactions():
            if _has_pool(connection):
                connection.close()  # that is, give it back; Django checks none of a pool
            else:
                connection.health_check_enabled = True
                connection.health_check_done = False


def clean_connections(*, only_broken: bool = False) -> None:
    """Close this thread's connections that are unusable or, unless told otherwise, too old."""
    for connection in _outside_transactions():
        if connection.errors_occurred or not only_broken:
            connection.close_if_unusable_or_obsolete()


def connections_here() -> list[Any]:
    """Return this thread's connections, if any is open. ``Any``, because not all have types."""
    if getattr(_thread, "has_none", False):
        return []  # as most tasks leave it, and to look for them takes its time
    if running_asyncio_loop() is not None:
        # Each task of a loop has connections of its own, if any (DJANGO_ALLOW_ASYNC_UNSAFE).
        has_had_one = getattr(_thread, "has_had_one", False)
        return list(connections.all(initialized_only=True)) if has_had_one else []
    found = list(connections.all(initialized_only=True))
    _thread.has_none = not any(c.connection is not None or c.in_atomic_block for c in found)
    return found


def _outside_transactions() -> Iterator[Any]:
    return (each for each in connections_here() if not each.in_atomic_block)


def _has_pool(connection: Any) -> bool:
    return bool(connection.settings_dict["OPTIONS"].get("pool"))


def _note_connection(**kwargs: Any) -> None:
    """Note, on the thread that it is of, that there is one."""
    _thread.has_none = False
    _thread.has_had_one = True


def _replace_closed_one_of_pool(connection: Any, **kwargs: Any) -> None:
    """Go on until a pool gives a connection that works, if a task is what asks for it.

    Django sends the signal for each connection that is taken from a pool. A pool that checks its
    connections itself (``CONN_HEALTH_CHECKS``) has done it.
    """
    if not getattr(_thread, "is_on_trip", False) or not _has_pool(connection):
        return
    if not connection.settings_dict["CONN_HEALTH_CHECKS"] and not connection.is_usable():
        connection.close()
        connection.connect()  # and so here again


# With the import, because of a connection that was opened before nothing would be known.
call_at_thread_end(connections.close_all)
connection_created.connect(_note_connection)
connection_created.connect(_replace_closed_one_of_pool)
