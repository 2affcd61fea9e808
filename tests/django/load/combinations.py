"""Which databases, servers and settings are tried, and what is counted of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from bgtasks_adapters.contract.servers import SERVERS, Server
from tests.django.database import Kind
from tests.django.installations import Interface

MAX_WORKERS = 4
CLIENTS = 8
THREADS = 8
"""Of the WSGI server, for views."""

SERVED_BY: dict[Interface, Server] = {
    "wsgi": replace(
        SERVERS["gunicorn-gthread"],
        arguments=lambda app, port: [
            *SERVERS["gunicorn-gthread"].arguments(app, port),
            f"--threads={THREADS}",
        ],
    ),
    "asgi": SERVERS["uvicorn"],
}
DATABASES: dict[Kind, str] = {
    "postgresql": "PostgreSQL",
    "pool": "PostgreSQL, pool",
    "mariadb": "MariaDB",
    "sqlite": "SQLite file",
}


class Combination(NamedTuple):
    database: Kind
    interface: Interface
    max_age: int | None

    @property
    def row(self) -> tuple[str, str, str]:
        """The first cells of its row in the table."""
        server = "gunicorn gthread" if self.interface == "wsgi" else "uvicorn"
        return DATABASES[self.database], server, str(self.max_age)

    @property
    def do_views_read(self) -> bool:
        """Whether views use the database, too.

        Not where their connections cannot be told from those of tasks (open files have no owner),
        nor where Django itself opens one for each request and leaves it open: its documentation
        asks for CONN_MAX_AGE=0 under ASGI.
        """
        if self.database == "sqlite":
            return False
        return self.interface == "wsgi" or self.max_age == 0


# Django refuses to keep connections of a pool open.
ALL = [
    Combination(database, interface, max_age)
    for database in DATABASES
    for interface in SERVED_BY
    for max_age in ((0,) if database == "pool" else (0, 60, None))
]
SHORT = [
    Combination("postgresql", "wsgi", None),
    Combination("pool", "asgi", 0),
    Combination("mariadb", "wsgi", 60),
    Combination("sqlite", "asgi", None),
]
REQUESTS = 2000
REQUESTS_IN_SHORT = 200


@dataclass(frozen=True)
class Counts:
    """How many connections there were: those of the workers, and of the server's own threads."""

    workers: int
    server: int
    left_in_transaction: int
    left_to_workers: int
    left_to_server: int
