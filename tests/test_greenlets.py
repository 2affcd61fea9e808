"""gevent and eventlet, real servers: tasks where every thread is a greenlet on one real thread.

The promises themselves are held on these servers by the contract.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bgtasks_adapters.contract.gate import Gate, Visit, all_still_wait
from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.contract.servers import SERVERS, Server

TESTS = Path(__file__).parent
PATCHED = ("gunicorn-gevent", "gevent", "eventlet")


class Site(RunningServer):
    """The site ``greenlet_site`` on a server of the contract's table."""

    def __init__(self, server: Server, gate: Gate, folder: Path, **settings: object) -> None:
        self._receipt = folder / "receipt"
        self.pipe = folder / "pipe"
        os.mkfifo(self.pipe)
        settings = {"receipt": str(self._receipt), **settings}
        environment = {
            "PYTHONPATH": str(TESTS.parent),
            "CONTRACT_SERVER": "site",
            "CONTRACT_GATE": str(gate.port),
            "CONTRACT_SETTINGS": json.dumps(settings),
            "PIPE": str(self.pipe),
        }
        application = "tests.contract.hosts.greenlet_site:application"
        super().__init__(server, application, environment, folder / "output")

    def ask(self, view: str, visit: Visit) -> str:
        with self.connect() as connection:
            return connection.ask(f"/{view}?{visit.token}").body.decode()

    @property
    def receipt(self) -> dict[str, Any]:
        receipt: dict[str, Any] = json.loads(self._receipt.read_text())
        return receipt


StartSite = Callable[..., Site]


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture
def visit(gate: Gate) -> Iterator[Visit]:
    visit = Visit(gate, "visit")
    yield visit
    visit.open()


@pytest.fixture
def start(gate: Gate, tmp_path: Path) -> Iterator[StartSite]:
    started: list[Site] = []

    def start(server: Server, **settings: object) -> Site:
        if server.missing:
            pytest.skip(f"{server.missing} is not installed")
        started.append(Site(server, gate, tmp_path, **settings))
        return started[-1]

    yield start
    for site in started:
        site.kill()


@pytest.fixture(params=PATCHED)
def server(request: pytest.FixtureRequest) -> Server:
    return SERVERS[request.param]


def test_another_loop_runs_while_an_async_task_waits(
    start: StartSite, server: Server, visit: Visit
) -> None:
    """The loop of the async tasks keeps no `def` task from running a loop of its own."""
    site = start(server)
    site.ask("held_async", visit)
    waiting = visit.wait_for("async task", "started")
    site.ask("own_loop", visit)
    assert visit.fate("task") == "succeeded"
    waiting.release()
    assert visit.fate("async task") == "succeeded"


def test_views_are_not_on_the_loop(start: StartSite, server: Server, visit: Visit) -> None:
    """While an async task waits, a view is ordinary code, which may call drain()."""
    site = start(server)
    site.ask("held_async", visit)
    visit.wait_for("async task", "started")
    assert site.ask("drained", visit) == "not drained"


def test_an_async_task_uses_threads(start: StartSite, server: Server, visit: Visit) -> None:
    """An async task awaits what runs on a thread, which is a greenlet as well."""
    site = start(server)
    site.ask("on_threads", visit)
    assert visit.fate("task") == "succeeded"


@pytest.mark.parametrize("name", ["gevent", "eventlet"])
def test_sigterm_while_all_wait(start: StartSite, name: str, visit: Visit) -> None:
    """A SIGTERM that comes while all greenlets wait ends the process, in order, after its tasks."""
    site = start(SERVERS[name])
    site.ask("held", visit)
    task = visit.wait_for("def task", "started")
    site.send_sigterm()
    assert all_still_wait([task]), "a task was cut off: the process did not wait for it"
    task.release()
    site.wait_for_exit()
    assert "Traceback" not in site.output
    assert site.receipt["succeeded"] == site.receipt["added"] == 1


@pytest.mark.parametrize("name", ["gevent", "eventlet"])
def test_sigterm_in_the_midst_of_a_task(start: StartSite, name: str, visit: Visit) -> None:
    """A SIGTERM that comes while a task keeps the real thread lets it end, then the process."""
    site = start(SERVERS[name])
    site.ask("blocked", visit)
    visit.wait_for("task", "started")
    site.send_sigterm()
    with site.pipe.open("r+b", buffering=0):  # never waits for the other end, which may be gone
        site.wait_for_exit()
    assert site.receipt["succeeded"] == site.receipt["added"] == 1


def test_all_tasks_of_many_responses_run(start: StartSite, server: Server, visit: Visit) -> None:
    """The tasks of a thousand responses run, also where there are too many and clients wait."""
    site = start(server, max_pending=20)

    def ask_many() -> None:
        with site.connect() as connection:
            for _ in range(100):
                assert connection.ask("/mixed?").body == b"queued"

    clients = [threading.Thread(target=ask_many) for _ in range(10)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    site.stop()
    assert site.receipt["succeeded"] == site.receipt["added"] == 3000


def test_the_package_was_imported_before_greenlets_came(start: StartSite, visit: Visit) -> None:
    """With gunicorn's --preload threads become greenlets late; the end waits for tasks as well."""
    server = SERVERS["gunicorn-gevent"]

    def preloading(application: str, port: int) -> list[str]:
        return [*server.arguments(application, port), "--preload"]

    site = start(replace(server, arguments=preloading))
    site.ask("held", visit)
    site.ask("held_async", visit)
    tasks = [visit.wait_for(name, "started") for name in ("def task", "async task")]
    site.send_sigterm()
    assert all_still_wait(tasks), "a task was cut off: the process did not wait for it"
    for task in tasks:
        task.release()
    site.wait_for_exit()
    assert site.receipt["succeeded"] == site.receipt["added"] == 2
