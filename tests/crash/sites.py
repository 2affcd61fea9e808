"""The sites: how each is started, whose process is killed, and what its journal still holds."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.contract.servers import Interface, Server
from tests import postgresql_server

Database = Literal["sqlite", "postgresql"]

_GUNICORN = (
    "gunicorn",
    "--worker-class=gthread",
    "--workers=2",
    "--threads=4",
    "--no-control-socket",
)


@dataclass(frozen=True)
class Kind:
    """One way to have a journal: a server, an application, and the table of its entries."""

    name: str
    command: tuple[str, ...]
    application: str
    interface: Interface
    table: str = "entries"
    is_django: bool = False
    kills_workers: bool = False
    """Whether every other kill is that of one worker, which its parent replaces."""

    @property
    def server(self) -> Server:
        def arguments(app: str, port: int) -> list[str]:
            return ["-m", *(option.format(app=app, port=port) for option in self.command)]

        return Server(self.name, self.interface, (self.command[0],), arguments)


KINDS = (
    Kind(
        "gunicorn",
        (*_GUNICORN, "--bind=127.0.0.1:{port}", "{app}"),
        "tests.crash.wsgi:application",
        "wsgi",
        kills_workers=True,
    ),
    Kind(
        "uvicorn",
        ("uvicorn", "--port={port}", "--log-level=warning", "{app}"),
        "tests.crash.asgi:application",
        "asgi",
    ),
    Kind(
        "Django, its own database",
        (*_GUNICORN, "--bind=127.0.0.1:{port}", "{app}"),
        "tests.crash.django_wsgi:application",
        "wsgi",
        table="bgtasks_journal_entry",
        is_django=True,
        kills_workers=True,
    ),
)


class Served(RunningServer):
    """A server of a site, one of whose processes can be killed."""

    def kill_worker(self, pid: int) -> bool:
        """Kill a process if it is one of this server's and not its parent."""
        with suppress(ProcessLookupError):
            if pid != self._process.pid and os.getpgid(pid) == self._process.pid:
                os.kill(pid, signal.SIGKILL)
                return True
        return False


class Site:
    """One kind of site in a folder of its own, from its first start to its last."""

    def __init__(
        self, kind: Kind, folder: Path, *, has_journal: bool = True, database: Database = "sqlite"
    ) -> None:
        self.kind = kind
        self.has_journal = has_journal
        self.notes = folder / "notes"
        self._folder = folder
        self._file = folder / "database.sqlite3"
        is_served = kind.is_django and database == "postgresql"
        self._postgresql = postgresql_server.start() if is_served else None
        self._starts = itertools.count(1)
        self._environment: Mapping[str, str] = {
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            "CRASH_NOTES": str(self.notes),
            "CRASH_DATABASE": str(self._file),
            "CRASH_POSTGRESQL": str(self._postgresql or ""),
            "CRASH_JOURNAL": str(self._file) if has_journal else "",
            "DJANGO_SETTINGS_MODULE": "tests.crash.django_site",
        }
        if kind.is_django:
            self._call("django", "migrate", "--run-syncdb", "--verbosity=0")

    def start(self) -> Served:
        log = self._folder / f"log-{next(self._starts)}"
        return Served(self.kind.server, self.kind.application, self._environment, log)

    def entries(self) -> int:
        """Count what the journal holds."""
        return len(self._select(f"select number from {self.kind.table}"))

    def set_aside(self) -> int:
        return len(self._select(f"select number from {self.kind.table} where is_set_aside"))

    def orders(self) -> set[int]:
        """Return the numbers of the rows that were committed (Django's)."""
        return {int(text) for (text,) in self._select("select text from django_site_note")}

    def retry(self) -> None:
        """Do what its operator does with tasks that were set aside."""
        if self.kind.is_django:
            self._call("django", "bgtasks", "retry", "--all")
        else:
            self._call("bgtasks_adapters", "journal", str(self._file), "retry", "--all")

    def _select(self, query: str) -> list[tuple[Any, ...]]:
        with closing(self._connect()) as connection:
            return list(connection.execute(query).fetchall())

    def _connect(self) -> Any:
        if self._postgresql is None:
            return sqlite3.connect(self._file, timeout=20)
        import psycopg

        return psycopg.connect(f"host=127.0.0.1 port={self._postgresql} user=postgres")

    def _call(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        environment = {**os.environ, **self._environment}
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=30)
