"""A Redis of the tests' own, where its program is installed."""

from __future__ import annotations

import shutil
import signal
import socket
from functools import cache

from tests.database_server import OwnServer, UnavailableError


@cache
def server() -> OwnServer:
    """Start a server on a free port of 127.0.0.1, once a process.

    What it was given is there after a restart. It ends with this process.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise UnavailableError("Redis is not installed: there is no redis-server")
    started = OwnServer("redis", user="redis")
    port = started.port
    started.start(
        [
            *(program, "--bind", "127.0.0.1", "--port", str(port)),
            *("--save", "", "--appendonly", "yes", "--dir", started.folder),
        ],
        is_ready=lambda: _answers(port),
        stop=signal.SIGTERM,
    )
    return started


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(5) == b"+PONG"
    except OSError:
        return False
