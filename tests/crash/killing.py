"""A site that is served, asked by several clients, and killed again and again."""

from __future__ import annotations

import http.client
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bgtasks_adapters.contract.gate import PATIENCE
from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.contract.servers import Interface, Server
from tests.crash.account import Account, account

CLIENTS = 3
LONGEST_WAIT = 60.0
"""For all that is left to be run at the end, in seconds."""
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
        "bgtasks_journal_entry",
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

    def __init__(self, kind: Kind, folder: Path, *, has_journal: bool) -> None:
        self.kind = kind
        self.folder = folder
        self.notes = folder / "notes"
        self.database = folder / "database.sqlite3"
        self._starts = itertools.count(1)
        self.environment: Mapping[str, str] = {
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            "CRASH_NOTES": str(self.notes),
            "CRASH_DATABASE": str(self.database),
            "CRASH_JOURNAL": str(self.database) if has_journal else "",
            "DJANGO_SETTINGS_MODULE": "tests.crash.django_site",
        }
        if self._is_django:
            self.manage("migrate", "--run-syncdb", "--verbosity=0")

    @property
    def _is_django(self) -> bool:
        return self.kind.table != "entries"

    def manage(self, *arguments: str) -> str:
        return self._call("django", *arguments)

    def _call(self, module: str, *arguments: str) -> str:
        command = [sys.executable, "-m", module, *arguments]
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=30
        ).stdout

    def start(self) -> Served:
        log = self.folder / f"log-{next(self._starts)}"
        server = Served(self.kind.server, self.kind.application, self.environment, log)
        ask(server.port, 0)  # the parent listens before its workers can answer
        return server

    def entries(self) -> int:
        """Count what the journal holds."""
        return self._count(self.kind.table)

    def set_aside(self) -> int:
        return self._count(f"{self.kind.table} where is_set_aside")

    def _count(self, what: str) -> int:
        with closing(sqlite3.connect(self.database, timeout=20)) as connection:
            found = connection.execute(f"select count(*) from {what}")
            return int(found.fetchone()[0])

    def retry(self) -> None:
        """Do what its operator does with tasks that were set aside."""
        if self._is_django:
            self.manage("bgtasks", "retry", "--all")
        else:
            self._call("bgtasks_adapters", "journal", str(self.database), "retry", "--all")

    def orders(self) -> set[int]:
        """Return the numbers of the rows that were committed (Django's)."""
        with closing(sqlite3.connect(self.database, timeout=20)) as connection:
            found = connection.execute("select text from django_site_note")
            return {int(text) for (text,) in found.fetchall()}


@dataclass
class Clients:
    """Threads that place orders, and note which were acknowledged."""

    port: int = 0
    acknowledged: set[int] = field(default_factory=set[int])
    pids: set[int] = field(default_factory=set[int])
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def _work(self) -> None:
        while not self._is_over.wait(0.002):
            number = next(self._numbers)
            try:
                pid = ask(self.port, number)
            except (OSError, http.client.HTTPException):
                continue  # killed meanwhile: the client has no answer
            self.acknowledged.add(number)
            self.pids.add(pid)


def ask(port: int, number: int) -> int:
    """Place an order and return which process has acknowledged it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with closing(connection):
        connection.request("POST" if number else "GET", f"/{number}")
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise http.client.HTTPException(f"status {response.status}")
        return int(body)


class Result(NamedTuple):
    """What a site has come to."""

    kind: Kind
    kills: int
    account: Account
    set_aside: int
    left: int
    rows_without_task: set[int]
    tasks_without_row: set[int]


def kill_often(site: Site, kills: int, moments: random.Random) -> Result:
    """Kill a site so often, have all that is left run, and account for it."""
    clients = Clients()
    server = site.start()
    pause = threading.Event()
    clients.port = server.port
    try:
        with clients.at_work():
            for number in range(kills):
                pause.wait(moments.uniform(0.02, 0.4))
                if site.kind.kills_workers and number % 2:
                    pids, clients.pids = sorted(clients.pids), set()
                    if any(server.kill_worker(pid) for pid in pids[:1]):
                        continue
                server.kill()
                server = site.start()
                clients.port = server.port
        set_aside = _run_what_is_left(site, server, pause)
        server.stop()
    finally:
        server.kill()
    found = account(clients.acknowledged, site.notes)
    orders = site.orders() if site.kind.table != "entries" else found.run
    has_journal = bool(site.environment["CRASH_JOURNAL"])
    left = site.entries() if has_journal else 0
    return Result(site.kind, kills, found, set_aside, left, orders - found.run, found.run - orders)


def _run_what_is_left(site: Site, server: Served, pause: threading.Event) -> int:
    """Wait until the journal is empty; return how many tasks had to be sent on by hand."""
    if not site.environment["CRASH_JOURNAL"]:
        return 0
    set_aside = 0
    for _ in range(int(LONGEST_WAIT / 0.05)):
        left = site.entries()
        if not left:
            break
        aside = site.set_aside()
        if aside == left:
            set_aside += aside
            site.retry()
        pause.wait(0.05)
    return set_aside
