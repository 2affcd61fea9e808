"""The engine of this environment, with a real worker of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests import nats_server, postgresql_server, rabbitmq_server, redis_server
from tests.database_server import OwnServer, UnavailableError
from tests.engines import noted, services

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""How long anything that must happen may take, in seconds; workers take a while to start."""


class Listener:
    """Hears what tasks note, in whichever process they run."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self._held: list[socket.socket] = []
        self.port: int = self._socket.getsockname()[1]

    def hear(self, *, hold: bool = False) -> dict[str, Any]:
        """Wait for the next note; with ``hold`` a task that stays does not go on."""
        connection, _ = self._socket.accept()
        with connection.makefile("rb") as file:
            heard: dict[str, Any] = json.loads(file.read())
        if hold:
            self._held.append(connection)
        else:
            connection.close()
        return heard

    def release(self) -> None:
        """Let all tasks that stay go on."""
        while self._held:
            self._held.pop().close()

    def close(self) -> None:
        self.release()
        self._socket.close()


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    listener = Listener()
    os.environ[noted.VARIABLE] = str(listener.port)
    yield listener
    listener.close()


SERVICES: dict[str, Callable[[], OwnServer]] = {
    "nats": nats_server.server,
    "postgresql": postgresql_server.server,
    "rabbitmq": rabbitmq_server.server,
    "redis": redis_server.server,
}
SITES = {
    "celery": {"celery": "redis", "celery_rabbitmq": "rabbitmq"},
    "django_tasks_db": {"django_tasks_db": ""},
    "dramatiq": {"dramatiq": "redis", "dramatiq_rabbitmq": "rabbitmq"},
    "huey": {"huey": "", "huey_redis": "redis"},
    "procrastinate": {"procrastinate": "postgresql"},
    "rq": {"rq": "redis"},
    "taskiq": {"taskiq": "redis"},
}
"""The sites of each engine, and the service that each needs."""
ENGINE = os.environ.get("BGTASKS_ENGINE", "huey")


class Site:
    """One site of the engine: its module, and its service, which the tests have started."""

    def __init__(self, name: str, server: OwnServer | None) -> None:
        self.name = name
        self.server = server
        self.module: Any = import_module(f"tests.engines.sites.{name}_site")


@pytest.fixture(scope="session")
def sites(
    listener: Listener, give_up: Callable[[str], NoReturn], django_db_blocker: Any
) -> Iterator[Callable[[str, str], Site]]:
    """What gives the site of a name, with its service; each reads the environment once."""
    pytest.importorskip(ENGINE, reason=f"{ENGINE} is not installed: run make test-engines")
    if ENGINE == "django_tasks_db":
        pytest.importorskip("django.tasks", reason="Django has its tasks framework from 6.0 on")
    services.folder()

    @cache
    def site(name: str, service: str) -> Site:
        if service == "redis":  # an engine may be there without it
            pytest.importorskip("redis", reason="redis is not installed: run make test-engines")
        server = None
        if service:
            try:
                server = SERVICES[service]()
            except UnavailableError as error:
                give_up(str(error))
            os.environ[services.variable(service)] = str(server.port)
        made = Site(name, server)
        prepare = getattr(made.module, "prepare", None)
        if prepare is not None:
            prepare()
        return made

    if ENGINE == "django_tasks_db":
        with django_db_blocker.unblock():  # its database is a file of its own
            yield site
    else:
        yield site


@pytest.fixture(scope="session", params=SITES[ENGINE].items(), ids=lambda item: item[0])
def site(request: pytest.FixtureRequest, sites: Callable[[str, str], Site]) -> Site:
    return sites(*request.param)


@pytest.fixture(scope="session")
def engine(site: Site) -> Any:
    """The module of the engine's site."""
    return site.module


class Worker:
    """A worker process of an engine, with those that it starts itself."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=environment, start_new_session=True
        )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        """End all of its processes at once, as a machine that fails does."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="session")
def worker(engine: Any) -> Iterator[Worker]:
    """A worker of the engine, which it has begun; when it ends it has nothing left to do."""
    worker = Worker(engine.WORKER)
    yield worker
    worker.kill()
