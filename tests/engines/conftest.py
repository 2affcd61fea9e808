"""The engine of this environment, with a real worker of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests import postgresql_server, redis_server
from tests.database_server import UnavailableError
from tests.engines import noted, services

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""How long anything that must happen may take, in seconds; workers take a while to start."""


class Listener:
    """Hears what tasks note, in whichever process they run."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self.port: int = self._socket.getsockname()[1]

    def hear(self) -> dict[str, Any]:
        """Wait for the next note."""
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rb") as file:
            heard: dict[str, Any] = json.loads(file.read())
            return heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="session")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    listener = Listener()
    os.environ[noted.VARIABLE] = str(listener.port)
    os.environ["BGTASKS_ENGINE_FOLDER"] = str(tmp_path_factory.mktemp("engine"))
    yield listener
    listener.close()


SERVICES: dict[str, tuple[str, Callable[[], int]]] = {
    "celery": (services.REDIS_VARIABLE, redis_server.start),
    "dramatiq": (services.REDIS_VARIABLE, redis_server.start),
    "procrastinate": (services.POSTGRESQL_VARIABLE, postgresql_server.start),
    "rq": (services.REDIS_VARIABLE, redis_server.start),
    "taskiq": (services.REDIS_VARIABLE, redis_server.start),
}
"""What an engine's site needs: the variable that names the port, and what starts the server."""


@pytest.fixture(scope="session")
def engine(listener: Listener, give_up: Callable[[str], NoReturn]) -> Any:
    """The module of the engine's site; it reads the environment, so it is imported here."""
    name = os.environ.get("BGTASKS_ENGINE", "huey")
    pytest.importorskip(name, reason=f"{name} is not installed: run make test-engines")
    if name in SERVICES:
        variable, start = SERVICES[name]
        try:
            os.environ[variable] = str(start())
        except UnavailableError as error:
            give_up(str(error))
    site = import_module(f"tests.engines.sites.{name}_site")
    prepare = getattr(site, "prepare", None)
    if prepare is not None:
        prepare()
    return site


@pytest.fixture(scope="session")
def worker(engine: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process of the engine, which it has begun."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(engine.WORKER, cwd=ROOT, env=environment, start_new_session=True)
    yield process
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
