"""A NATS with JetStream of the tests' own, where its program is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from functools import cache

from tests.database_server import OwnServer, UnavailableError


@cache
def server() -> OwnServer:
    """Start a server on a free port of 127.0.0.1, once a process.

    What its streams hold is there after a restart. It ends with this process.
    """
    # Debian keeps the server where only root looks for programs.
    program = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise UnavailableError("NATS is not installed: there is no nats-server")
    started = OwnServer("nats", user="nats")
    port = started.port
    started.start(
        [
            *(program, "--addr", "127.0.0.1", "--port", str(port)),
            *("--jetstream", "--store_dir", started.folder),
        ],
        is_ready=lambda: _greets(port),
        stop=signal.SIGTERM,
    )
    return started


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            return client.recv(4) == b"INFO"
    except OSError:
        return False
