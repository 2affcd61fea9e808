"""Which processes live, told by what the project's database is.

Beside a file of SQLite stand files with locks. PostgreSQL and MariaDB keep locks themselves, for as
long as the connection that took them: each process has one more connection for that. Such a lock
is lost with its connection although the process lives, and is taken anew some seconds later; so an
owner counts as dead only when its lock has been free for longer than that.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, connections
from django.db.utils import load_backend

from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.leases import FileLeases
from bgtasks_adapters.stores import Leases

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

GRACE_SECONDS = 15.0
"""So long a lock has to be free. A process looks after its own three times as often."""


def leases_of(alias: str) -> Leases:
    """Return the leases that suit a database."""
    connection = connections[alias]
    if connection.vendor == "postgresql":
        return PostgresqlLeases(alias)
    if connection.vendor == "mysql":
        return MysqlLeases(alias)
    if connection.vendor != "sqlite":
        raise InvalidOptionError(
            f"BGTASKS['JOURNAL']=True: the journal knows how to tell the processes that live with "
            f"SQLite, PostgreSQL, MySQL and MariaDB, not with {connection.vendor}. Name a file "
            "instead: BGTASKS = {'JOURNAL': '/var/lib/shop/tasks.sqlite3'}"
        )
    path = Path(str(connection.settings_dict["NAME"])).absolute()
    return FileLeases(path.with_name(f"{path.name}-owners"))


class LockLeases(Leases):
    """Locks that a database keeps for a connection of their own."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._lock = threading.Lock()
        self._abandoned: list[BaseDatabaseWrapper] = []
        self._start_anew()

    def _start_anew(self) -> None:
        self._connection: BaseDatabaseWrapper | None = None
        self._name: str | None = None
        self._free_since: dict[str, float] = {}

    def take(self) -> str:
        with self._lock:
            if self._name is None:
                name = str(uuid4().int >> 66)  # of PostgreSQL's bigint
                self._connect(name)
                self._name = name
            return self._name

    def is_dead(self, owner: str) -> bool:
        with self._lock:
            if owner == self._name:
                return False
            if not self._ask(owner):
                self._free_since.pop(owner, None)
                return False
            since = self._free_since.setdefault(owner, monotonic())
            return monotonic() - since >= GRACE_SECONDS

    def tidy(self) -> None:
        """Take the own lock anew if its connection was lost."""
        with self._lock:
            if self._name is not None and not self._is_connected():
                self._connect(self._name)

    def end(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._start_anew()

    def forget(self) -> None:
        # Never closed: that would end the parent's session.
        if self._connection is not None:
            self._abandoned.append(self._connection)
        self._lock = threading.Lock()
        self._start_anew()

    def _ask(self, owner: str) -> bool:
        if self._connection is None:  # of a command, which has no task itself
            self._connection = _new_connection(self._alias)
        return self._is_free(self._connection, owner)

    def _connect(self, name: str) -> None:
        if self._connection is not None:
            with suppress(DatabaseError, InterfaceError):  # it is broken, and may say so
                self._connection.close()
        self._connection = _new_connection(self._alias)
        self._acquire(self._connection, name)

    def _is_connected(self) -> bool:
        return self._connection is not None and self._connection.is_usable()

    @abstractmethod
    def _acquire(self, connection: BaseDatabaseWrapper, name: str) -> None: ...

    @abstractmethod
    def _is_free(self, connection: BaseDatabaseWrapper, name: str) -> bool: ...


class PostgresqlLeases(LockLeases):
    """Advisory locks of a session. PgBouncer has to have ``pool_mode = session``."""

    def _acquire(self, connection: BaseDatabaseWrapper, name: str) -> None:
        _one(connection, "select pg_advisory_lock(%s)", int(name))

    def _is_free(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        if not _one(connection, "select pg_try_advisory_lock(%s)", int(name)):
            return False
        _one(connection, "select pg_advisory_unlock(%s)", int(name))
        return True


class MysqlLeases(LockLeases):
    """Named locks of a session, of MySQL and MariaDB."""

    def _acquire(self, connection: BaseDatabaseWrapper, name: str) -> None:
        if _one(connection, "select get_lock(%s, 10)", _named(name)) != 1:
            raise DatabaseError(f"the lock {_named(name)} of this process was not to be had")

    def _is_free(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        return bool(_one(connection, "select is_free_lock(%s)", _named(name)))


def _named(name: str) -> str:
    return f"bgtasks-{name}"


def _one(connection: BaseDatabaseWrapper, query: str, value: int | str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, [value])
        (found,) = cursor.fetchone()
        return found


def _new_connection(alias: str) -> BaseDatabaseWrapper:
    """Return a connection that stays: of no pool, and used by one thread at a time."""
    settings = dict(connections[alias].settings_dict)
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    settings |= {"OPTIONS": options, "CONN_MAX_AGE": None, "ATOMIC_REQUESTS": False}
    connection: BaseDatabaseWrapper = load_backend(settings["ENGINE"]).DatabaseWrapper(
        settings, alias
    )
    connection.inc_thread_sharing()
    return connection
