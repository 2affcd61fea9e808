"""A site is asked by several clients, killed again and again, and left to run what remains."""

from __future__ import annotations

import http.client
import itertools
import random
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from bgtasks_adapters.contract.gate import PATIENCE
from tests.crash.account import Account, account
from tests.crash.sites import Served, Site

CLIENTS = 3
LONGEST_WAIT = 90.0
"""For all that is left to be run at the end, in seconds."""


@dataclass
class Clients:
    """Threads that place orders, and note which were acknowledged."""

    site: Site
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
                pid = ask(self.site, self.port, number)
            except (OSError, http.client.HTTPException):
                continue  # killed meanwhile: the client has no answer
            self.acknowledged.add(number)
            self.pids.add(pid)


def ask(site: Site, port: int, number: int) -> int:
    """Place an order and return which process has acknowledged it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with closing(connection):
        connection.request("POST" if number else "GET", f"/{number}")
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
        if response.status != 200:
            raise http.client.HTTPException(f"status {response.status}")
        pid, _, notes = body.partition(" ")
        if notes != str(site.notes):
            raise http.client.HTTPException("another server has this port by now")
        return int(pid)


class Result(NamedTuple):
    """What a site has come to."""

    name: str
    kills: int
    account: Account
    set_aside: int
    """Tasks that innocently saw too many crashes, and ran when they were sent on by hand."""
    left: int
    """Entries that nobody would run."""
    orders_without_task: set[int]
    tasks_without_order: set[int]
    seconds: float


def kill_often(site: Site, kills: int, moments: random.Random) -> Result:
    """Kill a site so often, have all that is left run, and account for it."""
    began = monotonic()
    clients = Clients(site)
    server = _started(site, clients)
    pause = threading.Event()
    try:
        with clients.at_work():
            for number in range(kills):
                pause.wait(moments.uniform(0.02, 0.4))
                if site.kind.kills_workers and number % 2:
                    pids, clients.pids = sorted(clients.pids), set()
                    if pids and server.kill_worker(moments.choice(pids)):
                        continue
                server.kill()
                server = _started(site, clients)
        # A worker looks for what others have left from its first request on; the last kill may
        # have left only workers without one.
        ask(site, server.port, 0)
        set_aside = _run_what_is_left(site, pause) if site.has_journal else 0
        server.stop()
    finally:
        server.kill()
    found = account(clients.acknowledged, site.notes)
    orders = site.orders() if site.kind.is_django else found.run
    return Result(
        site.kind.name,
        kills,
        found,
        set_aside,
        site.entries() if site.has_journal else 0,
        orders - found.run,
        found.run - orders,
        monotonic() - began,
    )


def _started(site: Site, clients: Clients) -> Served:
    """Start a site and ask it once, so that it looks for what others have left."""
    server = site.start()
    try:
        ask(site, server.port, 0)  # its parent listens before its workers can answer
    except BaseException:
        server.kill()
        raise
    clients.port = server.port
    return server


def _run_what_is_left(site: Site, pause: threading.Event) -> int:
    """Wait until the journal is empty; return how many tasks had to be sent on by hand."""
    set_aside = 0
    end = monotonic() + LONGEST_WAIT
    while (left := site.entries()) and monotonic() < end:
        aside = site.set_aside()
        if aside == left:
            set_aside += aside
            site.retry()
        pause.wait(0.05)
    return set_aside
