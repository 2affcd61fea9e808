"""A database of a test's own, on SQLite or PostgreSQL, and the connections opened to it."""

from __future__ import annotations

import importlib.util
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from tests import postgresql_server
from tests.django_site.models import Note

POSTGRESQL: dict[str, Any] = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ.get("PGHOST", "127.0.0.1"),
    "PORT": os.environ.get("PGPORT", "5432"),
    "USER": os.environ.get("PGUSER", "postgres"),
    "PASSWORD": os.environ.get("PGPASSWORD", ""),
    "NAME": os.environ.get("PGDATABASE", "test"),
}

_numbers = itertools.count(1)


class Database:
    """One database, by an alias of its own: threads keep what they had by another test's."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.alias = f"bgtasks_{os.getpid()}_{next(_numbers)}"
        self.is_postgresql = config["ENGINE"] == POSTGRESQL["ENGINE"]
        if self.is_postgresql:
            options = f"-c search_path={self.alias} -c application_name={self.alias}"
            config = {**config, "OPTIONS": {"connect_timeout": 3, "options": options}}
        configured = connections.configure_settings({"default": {}, self.alias: config})
        self.settings: dict[str, Any] = configured[self.alias]
        self.opened: list[BaseDatabaseWrapper] = []

    @property
    def notes(self) -> Any:
        return Note.objects.using(self.alias)

    @property
    def open_connections(self) -> int:
        return sum(wrapper.connection is not None for wrapper in self.opened)

    def count_at_server(self) -> int:
        """Ask PostgreSQL how many connections there are, this one not counted."""
        return int(self._ask("SELECT count(*) FROM pg_stat_activity"))

    def close_at_server(self) -> None:
        """Have PostgreSQL end every connection but this one."""
        self._ask("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity")

    def _ask(self, query: str) -> Any:
        where = "WHERE application_name = %s AND pid <> pg_backend_pid()"
        with connections[self.alias].cursor() as cursor:
            cursor.execute(f"{query} {where}", [self.alias])
            return cursor.fetchone()[0]

    @contextmanager
    def existing(self) -> Iterator[None]:
        """Make the database, and take note of every connection that another thread opens."""
        connections.settings[self.alias] = self.settings
        here = connections[self.alias]
        try:
            if self.is_postgresql:
                with here.cursor() as cursor:
                    cursor.execute(f"CREATE SCHEMA {self.alias}")
            with here.schema_editor() as editor:
                editor.create_model(Note)
            connection_created.connect(self._note)
            yield
        finally:
            connection_created.disconnect(self._note)
            for wrapper in self.opened:
                wrapper.inc_thread_sharing()
                wrapper.close()
            if self.is_postgresql:
                with here.cursor() as cursor:
                    cursor.execute(f"DROP SCHEMA IF EXISTS {self.alias} CASCADE")
            here.close()
            del connections[self.alias]
            del connections.settings[self.alias]

    def _note(self, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        is_workers = threading.current_thread() is not threading.main_thread()
        if connection.alias == self.alias and is_workers:
            self.opened.append(connection)


def sqlite(folder: Path) -> dict[str, Any]:
    # Writers wait for each other instead of failing.
    options = {"timeout": 30, "transaction_mode": "IMMEDIATE"}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "db.sqlite3"),
        "OPTIONS": options,
    }


def postgresql(give_up: Callable[[str], NoReturn]) -> dict[str, Any]:
    """Return the settings of a PostgreSQL: the one that runs, else one that is started."""
    if importlib.util.find_spec("psycopg") is None:
        give_up("psycopg is not installed")
    try:
        _connect_to(POSTGRESQL)
    except OperationalError as error:
        try:
            port = postgresql_server.start()
        except postgresql_server.UnavailableError as reason:
            give_up(f"{error}; and none can be started: {reason}")
        return {**POSTGRESQL, "HOST": "127.0.0.1", "PORT": port, "NAME": "postgres"}
    return POSTGRESQL


def _connect_to(config: dict[str, Any]) -> None:
    database = Database(config)
    connections.settings[database.alias] = database.settings
    try:
        connections[database.alias].ensure_connection()
    finally:
        connections[database.alias].close()
        del connections[database.alias]
        del connections.settings[database.alias]
