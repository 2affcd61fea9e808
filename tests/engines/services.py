"""Where the brokers of the engines' sites are: those that the tests have started."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

FOLDER_VARIABLE = "BGTASKS_ENGINE_FOLDER"


def variable(service: str) -> str:
    """Return the name of the variable that says on which port a service is."""
    return f"BGTASKS_ENGINE_{service.upper()}"


def redis_url(database: int = 0) -> str:
    return f"redis://127.0.0.1:{os.environ[variable('redis')]}/{database}"


def rabbitmq_url() -> str:
    return f"amqp://guest:guest@127.0.0.1:{os.environ[variable('rabbitmq')]}/%2F"


def nats_url() -> str:
    return f"nats://127.0.0.1:{os.environ[variable('nats')]}"


def postgresql() -> dict[str, str]:
    port = os.environ[variable("postgresql")]
    return {"host": "127.0.0.1", "port": port, "user": "postgres"}


def folder() -> Path:
    """Return the folder of what needs no broker; the first process makes it, and removes it."""
    if FOLDER_VARIABLE not in os.environ:
        os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="bgtasks-engine-")
        atexit.register(shutil.rmtree, os.environ[FOLDER_VARIABLE], ignore_errors=True)
    return Path(os.environ[FOLDER_VARIABLE])
