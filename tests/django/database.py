"""A database of a test's own, on each kind there is, and the connections opened to it."""

from __future__ import annotations

import importlib.util
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from tests import mariadb_server, postgresql_server
from tests.database_server import UnavailableError
from tests.django_site.models import Note
from tests.mysql_driver import load_mysql_driver

Kind = Literal["sqlite", "postgresql", "pool", "mariadb"]

KINDS: tuple[Kind, ...] = ("sqlite", "postgresql", "pool", "mariadb")
SERVED: tuple[Kind, ...] = ("postgresql", "pool", "mariadb")
"""Those with a server, which may close a connection, and can be asked which there are."""

POSTGRESQL: dict[str, Any] = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ.get("PGHOST", "127.0.0.1"),
    "PORT": os.environ.get("PGPORT", "5432"),
    "USER": os.environ.get("PGUSER", "postgres"),
    "PASSWORD": os.environ.get("PGPASSWORD", ""),
    "NAME": os.environ.get("PGDATABASE", "test"),
}
MARIADB: dict[str, Any] = {
    "ENGINE": "django.db.backends.mysql",
    "HOST": os.environ.get("MARIADB_HOST", "127.0.0.1"),
    "PORT": os.environ.get("MARIADB_PORT", "3306"),
    "USER": os.environ.get("MARIADB_USER", "root"),
    "PASSWORD": os.environ.get("MARIADB_PASSWORD", ""),
}
PATIENCE = 10.0
POOL_SIZE = 12
"""The most connections of a pool."""

_numbers = itertools.count(1)


class Database:
    """One database, by an alias of its own: threads keep what they had by another test's.

    This class itself is one that is a file: SQLite's.
    """

    has_pool = False
    opened_by_a_thread = 1
    """How many connections a thread opens, one after the other, until it has one to keep."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.alias = f"bgtasks_{os.getpid()}_{next(_numbers)}"
        configured = connections.configure_settings(
            {"default": {}, self.alias: {**config, **self.own_config(config)}}
        )
        self.settings: dict[str, Any] = configured[self.alias]
        self.opened: list[BaseDatabaseWrapper] = []

    def own_config(self, config: dict[str, Any]) -> dict[str, Any]:
        """Give the settings by which this database is told from others."""
        return {}

    @property
    def notes(self) -> Any:
        return Note.objects.using(self.alias)

    @property
    def open_connections(self) -> int:
        return sum(wrapper.connection is not None for wrapper in set(self.opened))

    @contextmanager
    def existing(self) -> Iterator[None]:
        """Make the database, and take note of every connection that another thread opens."""
        connections.settings[self.alias] = self.settings
        here: Any = connections[self.alias]
        try:
            self.make(here)
            with here.schema_editor() as editor:
                editor.create_model(Note)
            connection_created.connect(self._note)
            yield
        finally:
            connection_created.disconnect(self._note)
            for wrapper in self.opened:
                wrapper.inc_thread_sharing()
                wrapper.close()
            self.drop(here)
            here.close()
            if self.has_pool:
                here.close_pool()
            del connections[self.alias]
            del connections.settings[self.alias]

    def make(self, here: Any) -> None:
        """Make the place for the tables."""

    def drop(self, here: Any) -> None:
        """Remove that place."""

    def _note(self, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        is_workers = threading.current_thread() is not threading.main_thread()
        if connection.alias == self.alias and is_workers:
            self.opened.append(connection)


class ServersConnection(NamedTuple):
    """A connection, as the server sees it."""

    number: int
    client_port: int
    is_idle_in_transaction: bool


class ServedDatabase(Database):
    """A database with a server: what it says of the connections to it, its own not counted."""

    connections_query: str
    """Yields each connection's id, its client's port, and whether it idles in a transaction."""

    @property
    def asking_alias(self) -> str:
        """The alias of the connection by which a test asks the server."""
        return self.alias

    def count_rows(self) -> int:
        return Note.objects.using(self.asking_alias).count()

    def connections_at_server(self) -> list[ServersConnection]:
        """Ask the server for the connections."""
        with connections[self.asking_alias].cursor() as cursor:
            cursor.execute(self.connections_query, [self.alias])
            return [
                ServersConnection(number, int(port), bool(is_inside))
                for number, port, is_inside in cursor.fetchall()
            ]

    def ids_at_server(self) -> set[int]:
        return {connection.number for connection in self.connections_at_server()}

    def count_at_server(self) -> int:
        return len(self.ids_at_server())

    def close_at_server(self) -> None:
        """Have the server end every connection but this one, and wait until they are gone."""
        for number in self.ids_at_server():
            self.end_at_server(number)
        deadline = time.monotonic() + PATIENCE
        while self.ids_at_server():
            assert time.monotonic() < deadline, "the server does not end its connections"

    def end_at_server(self, number: int) -> None:
        raise NotImplementedError


class PostgreSQL(ServedDatabase):
    """A schema in a PostgreSQL."""

    connections_query = (
        "SELECT pid, client_port, state LIKE 'idle in transaction%%' FROM pg_stat_activity"
        " WHERE application_name = %s AND pid <> pg_backend_pid()"
    )

    def own_config(self, config: dict[str, Any]) -> dict[str, Any]:
        return {"OPTIONS": self.own_options(self.alias)}

    def own_options(self, application: str) -> dict[str, Any]:
        options = f"-c search_path={self.alias} -c application_name={application}"
        return {"connect_timeout": 3, "options": options}

    def make(self, here: Any) -> None:
        with here.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {self.alias}")

    def drop(self, here: Any) -> None:
        with connections[self.asking_alias].cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {self.alias} CASCADE")

    def end_at_server(self, number: int) -> None:
        with connections[self.asking_alias].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [number])


class PooledPostgreSQL(PostgreSQL):
    """The same through psycopg's pool, which the threads of a process share.

    A test asks the server by a connection beside the pool, which may hold closed ones.
    """

    has_pool = True

    @property
    def asking_alias(self) -> str:
        return f"{self.alias}_asking"

    def own_config(self, config: dict[str, Any]) -> dict[str, Any]:
        pool = {"min_size": 1, "max_size": POOL_SIZE, "timeout": 10}
        return {"OPTIONS": {**self.own_options(self.alias), "pool": pool}}

    def make(self, here: Any) -> None:
        options = self.own_options(self.asking_alias)
        connections.settings[self.asking_alias] = {**self.settings, "OPTIONS": options}
        super().make(here)

    def drop(self, here: Any) -> None:
        super().drop(here)
        connections[self.asking_alias].close()
        del connections[self.asking_alias]
        del connections.settings[self.asking_alias]


class MariaDB(ServedDatabase):
    """A database in a MariaDB."""

    opened_by_a_thread = 2  # on the first one Django asks for the version, and closes it

    connections_query = (
        "SELECT list.id, substring_index(list.host, ':', -1),"
        " trx.trx_id IS NOT NULL AND list.command = 'Sleep'"
        " FROM information_schema.processlist AS list"
        " LEFT JOIN information_schema.innodb_trx AS trx ON trx.trx_mysql_thread_id = list.id"
        " WHERE list.db = %s AND list.id <> connection_id()"
    )

    def own_config(self, config: dict[str, Any]) -> dict[str, Any]:
        return {"NAME": self.alias, "OPTIONS": {"connect_timeout": 3}}

    def make(self, here: Any) -> None:
        with here._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self.alias} CHARACTER SET utf8mb4")

    def drop(self, here: Any) -> None:
        with here._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.alias}")

    def end_at_server(self, number: int) -> None:
        with connections[self.alias].cursor() as cursor:
            cursor.execute("KILL %s", [number])


def database_of(
    kind: Kind, folder: Path, give_up: Callable[[str], NoReturn]
) -> Database | ServedDatabase:
    """Return a database of that kind, not made yet; SQLite's is a file in the folder."""
    if kind == "sqlite":
        return Database(_sqlite(folder))
    return served_database(kind, give_up)


def served_database(kind: Kind, give_up: Callable[[str], NoReturn]) -> ServedDatabase:
    """Return a database of a kind with a server: of the one that runs, else one that is started."""
    if kind == "mariadb":
        if load_mysql_driver() is None:
            give_up("neither mysqlclient nor PyMySQL is installed")
        return MariaDB(_reachable(MARIADB, MariaDB, mariadb_server.start, give_up))
    if importlib.util.find_spec("psycopg") is None:
        give_up("psycopg is not installed")
    if kind == "pool" and importlib.util.find_spec("psycopg_pool") is None:
        give_up("psycopg_pool is not installed")
    config = _reachable(POSTGRESQL, PostgreSQL, postgresql_server.start, give_up)
    return PooledPostgreSQL(config) if kind == "pool" else PostgreSQL(config)


def _sqlite(folder: Path) -> dict[str, Any]:
    # Writers wait for each other instead of failing.
    options = {"timeout": 30, "transaction_mode": "IMMEDIATE"}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "db.sqlite3"),
        "OPTIONS": options,
    }


def _reachable(
    config: dict[str, Any],
    database: type[ServedDatabase],
    start: Callable[[], int],
    give_up: Callable[[str], NoReturn],
) -> dict[str, Any]:
    try:
        _connect_to(config)
    except OperationalError as error:
        try:
            port = start()
        except UnavailableError as reason:
            give_up(f"{error}; and none can be started: {reason}")
        name = {"NAME": "postgres"} if database is PostgreSQL else {}
        return {**config, "HOST": "127.0.0.1", "PORT": str(port), **name}
    return config


def _connect_to(config: dict[str, Any]) -> None:
    """Connect once, to no database in particular where there is none yet."""
    database = Database({"NAME": "", "OPTIONS": {"connect_timeout": 3}, **config})
    connections.settings[database.alias] = database.settings
    try:
        connections[database.alias].ensure_connection()
    finally:
        connections[database.alias].close()
        del connections[database.alias]
        del connections.settings[database.alias]
