"""A journal's entries in a file of SQLite, which all processes of a machine write to."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

from bgtasks_adapters.exceptions import JournalError
from bgtasks_adapters.stores import NewRow, Row, Store

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

Synchronous = Literal["NORMAL", "FULL"]

BUSY_SECONDS = 5.0
"""How long a write waits for those of other processes, which take some 20 microseconds each."""

_VERSION = 1
_TABLE = """
create table if not exists entries (
    number integer primary key autoincrement,
    id text not null,
    response text not null,
    path text not null,
    arguments text not null,
    options text not null,
    name text not null,
    added_at real not null,
    owner text,
    crashes integer not null default 0,
    due_at real not null default 0,
    reason text,
    is_set_aside integer not null default 0
)
"""
_COLUMNS = ", ".join(Row._fields[:-1])
_ADD = (
    f"insert into entries ({', '.join(NewRow._fields)}) "
    f"values ({', '.join('?' * len(NewRow._fields))})"
)
_STILL_THEIRS = "number = ? and owner is ? and is_set_aside = ?"


class SqliteStore(Store):
    """One connection a process, opened when it is first used, for one thread at a time."""

    def __init__(self, path: str, synchronous: Synchronous = "NORMAL") -> None:
        self._path = path
        self._synchronous = synchronous
        self._abandoned: list[sqlite3.Connection] = []
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def forget_connection(self) -> None:
        # Never closed: SQLite's locks belong to the process that opened it.
        if self._connection is not None:
            self._abandoned.append(self._connection)
        self._start_anew()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        """Give the connection for one transaction."""
        with self._lock:
            connection = self._connection or self._open()
            connection.execute("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")

    def _open(self) -> sqlite3.Connection:
        # It holds arguments of tasks, and whoever can write to it can have functions called.
        # Not where there is one: to close a file drops the locks that SQLite has on it here.
        if not os.path.exists(self._path):
            with suppress(FileExistsError):
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("pragma user_version").fetchone()
        if version not in (0, _VERSION):
            raise JournalError(
                f"{self._path} is a journal of another version of this library ({version}, not "
                f"{_VERSION}). Let that version end its tasks, or name another file."
            )
        connection.execute("pragma journal_mode = wal")
        connection.execute(f"pragma synchronous = {self._synchronous}")
        if version == 0:
            connection.execute(_TABLE)
            connection.execute(f"pragma user_version = {_VERSION}")

    def add(self, row: NewRow) -> int:
        with self._lock:
            number = (self._connection or self._open()).execute(_ADD, row).lastrowid
        assert number is not None
        return number

    def check(self, row: Row) -> None:
        """Take every row as it is: who can write to the file could as well change the program."""

    def delete(self, numbers: Sequence[int]) -> None:
        with self._writing() as connection:
            connection.executemany("delete from entries where number = ?", _each(numbers))

    def release(self, numbers: Sequence[int], due_at: float, reason: str | None) -> None:
        with self._writing() as connection:
            connection.executemany(
                "update entries set owner = null, due_at = ?, reason = ? where number = ?",
                [(due_at, reason, number) for number in numbers],
            )

    def owners(self) -> list[str]:
        found = self._read(
            "select distinct owner from entries where owner is not null and is_set_aside = 0"
        )
        return [owner for (owner,) in found]

    def rows_of(self, owner: str | None, due_by: float, limit: int) -> list[Row]:
        found = self._read(
            f"select {_COLUMNS} from entries where owner is ? and is_set_aside = 0 "
            "and due_at <= ? order by crashes, number limit ?",
            owner,
            due_by,
            limit,
        )
        return [_row(values) for values in found]

    def claim(self, rows: Sequence[Row], owner: str) -> list[Row]:
        with self._writing() as connection:
            return [
                row._replace(owner=owner, crashes=row.crashes + (row.owner is not None))
                for row in rows
                if connection.execute(
                    "update entries set owner = ?, crashes = crashes + (owner is not null), "
                    f"reason = null where {_STILL_THEIRS}",
                    (owner, *_theirs(row)),
                ).rowcount
            ]

    def set_aside(self, number: int, reason: str) -> None:
        with self._writing() as connection:
            connection.execute(
                "update entries set is_set_aside = 1, owner = null, reason = ? where number = ?",
                (reason, number),
            )

    def all_rows(self) -> list[Row]:
        return [_row(v) for v in self._read(f"select {_COLUMNS} from entries order by number")]

    def renew(self, rows: Sequence[Row]) -> int:
        return self._change(
            rows,
            "update entries set owner = null, crashes = 0, due_at = 0, reason = null, "
            f"is_set_aside = 0 where {_STILL_THEIRS}",
        )

    def discard(self, rows: Sequence[Row]) -> int:
        return self._change(rows, f"delete from entries where {_STILL_THEIRS}")

    def _change(self, rows: Sequence[Row], statement: str) -> int:
        with self._writing() as connection:
            return sum(connection.execute(statement, _theirs(row)).rowcount for row in rows)

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return (self._connection or self._open()).execute(query, values).fetchall()


def _each(numbers: Sequence[int]) -> list[tuple[int]]:
    return [(number,) for number in numbers]


def _theirs(row: Row) -> tuple[int, str | None, bool]:
    return row.number, row.owner, row.is_set_aside


def _row(values: Sequence[Any]) -> Row:
    row = Row(*values)
    return row._replace(is_set_aside=bool(row.is_set_aside))
