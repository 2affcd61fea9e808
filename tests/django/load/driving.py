"""Clients that ask in turn, and the counts at the database meanwhile and when all is over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import count
from pathlib import Path

from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.doctor.client import Connection
from bgtasks_adapters.workers import IDLE_SECONDS
from tests.django.database import POOL_SIZE, Database, ServedDatabase

from .combinations import CLIENTS, MAX_WORKERS, SERVED_BY, Combination, Counts

PATIENCE = 60.0
SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_BETWEEN_ANSWERS = 0.3
ESTABLISHED = "01"  # of proc(5)
WORKER, SERVER = "bgtasks-worker", "server"


class Observer:
    """Looks at the connections of the served process, from outside."""

    def __init__(self, database: Database, notes: Path) -> None:
        self._database = database
        self._notes = notes
        self._seen: list[set[int]] = []

    def look(self) -> None:
        """Keep the ids of the connections that there are, for the counts."""
        self._seen.append(self._ids())

    def most_of(self, owner: str) -> int:
        """Return how many there were at once: a worker's, or a server's thread's."""
        owners = self._owners()
        return max(self._count(owner, ids, owners) for ids in self._seen)

    def count_of(self, owner: str) -> int:
        """Return how many there are now."""
        return self._count(owner, self._ids(), self._owners())

    def count_in_transaction(self) -> int:
        if not isinstance(self._database, ServedDatabase):
            return 0
        return sum(each.is_idle_in_transaction for each in self._database.connections_at_server())

    def threads_of_server(self) -> int:
        """Return how many threads that are no workers have opened a connection."""
        return len({thread for _, _, thread in self._noted() if not thread.startswith(WORKER)})

    def _ids(self) -> set[int]:
        if isinstance(self._database, ServedDatabase):
            listed = self._database.connections_at_server()
            open_ports = _open_ports()
            # The server lists for a moment longer what its client has closed.
            return {each.number for each in listed if each.client_port in open_ports}
        # SQLite has no server. What a connection is to the system is an open file.
        name = self._database.settings["NAME"]
        return {
            int(descriptor.name)
            for process in {process for process, _, _ in self._noted()}
            for descriptor in Path(f"/proc/{process}/fd").iterdir()
            if _target(descriptor) == name
        }

    def _count(self, owner: str, ids: set[int], owners: dict[int, str]) -> int:
        if not isinstance(self._database, ServedDatabase):
            # An open file has no owner: what can be a server's thread's is taken for it.
            of_server = min(len(ids), self.threads_of_server())
            return of_server if owner == SERVER else len(ids) - of_server
        return sum(owners.get(number) == owner for number in ids)

    def _owners(self) -> dict[int, str]:
        return {
            number: WORKER if thread.startswith(WORKER) else SERVER
            for _, number, thread in self._noted()
        }

    def _noted(self) -> list[tuple[str, int, str]]:
        if not self._notes.exists():
            return []
        lines = [line.split() for line in self._notes.read_text().splitlines()]
        return [(process, int(number), thread) for process, number, thread in lines]


def _open_ports() -> set[int]:
    """Return the local ports of the connections over TCP whose both ends are open."""
    ports: set[int] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == ESTABLISHED:
                ports.add(int(local.rpartition(":")[2], 16))
    return ports


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""  # closed meanwhile


def drive(
    combination: Combination, database: Database, requests: int, folder: Path
) -> tuple[Counts, int]:
    """Serve the project, ask it for so many responses, and return what was counted, and rows."""
    notes = folder / "connections"
    options = {**database.settings["OPTIONS"]}
    # Disks would be what is measured.
    if combination.database == "sqlite":
        options["init_command"] = "PRAGMA synchronous=OFF"
    elif combination.database != "mariadb":
        options["options"] += " -c synchronous_commit=off"
    if combination.database == "pool":
        options["pool"] = {"min_size": 1, "max_size": POOL_SIZE}
    settings = {**database.settings, "CONN_MAX_AGE": combination.max_age, "OPTIONS": options}
    load = {
        "database": settings,
        "max_workers": MAX_WORKERS,
        "notes": str(notes),
        "do_views_read": combination.do_views_read,
    }
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.django.load.site",
        "BGTASKS_LOAD": json.dumps(load, default=str),
    }
    interface = combination.interface
    server = RunningServer(
        SERVED_BY[interface],
        f"tests.django.load.{interface}:application",
        environment,
        folder / "output",
    )
    observer = Observer(database, notes)
    try:
        _ask(server, interface, requests, observer.look)
        _wait_until(lambda: database.notes.count() >= 2 * requests, observer.look)
        left_in_transaction = _left_in_transaction(observer)
        if combination.database != "pool":
            _wait_until(lambda: not observer.count_of(WORKER), observer.look, IDLE_SECONDS + 10.0)
        counts = Counts(
            observer.most_of(WORKER),
            observer.most_of(SERVER),
            left_in_transaction,
            observer.count_of(WORKER),
            observer.count_of(SERVER),
        )
        server.stop()
    finally:
        server.kill()
    return counts, database.notes.count()


def _left_in_transaction(observer: Observer) -> int:
    """Count the connections that stay idle in a transaction, however long one waits.

    MariaDB shows its transactions as they were when nobody had asked for 0.1 s, another process of
    the tests included, so that one look more may show what has ended long ago.
    """
    deadline = time.monotonic() + PATIENCE
    while (left := observer.count_in_transaction()) and time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_ANSWERS)
    return left


def _ask(server: RunningServer, interface: str, requests: int, look: Callable[[], None]) -> None:
    """Let the clients ask, each on a connection of its own, and look on meanwhile."""
    numbers = count()

    def ask(client: int) -> list[int]:
        statuses: list[int] = []
        with Connection(server.address, patience=PATIENCE) as connection:
            while (number := next(numbers)) < requests:
                statuses.append(connection.ask(f"/{interface}/{number}").status)
        return statuses

    with ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(ask, client) for client in range(CLIENTS)]
        while not all(each.done() for each in asking):
            look()
            wait(asking, SECONDS_BETWEEN_LOOKS)
        statuses = [status for each in asking for status in each.result()]
    assert statuses == [200] * requests, server.output


def _wait_until(
    is_so: Callable[[], bool], look: Callable[[], None], seconds: float = PATIENCE
) -> None:
    """Look again and again until it is so, or the time is over: the counts then say what is."""
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        look()
        time.sleep(SECONDS_BETWEEN_LOOKS)
