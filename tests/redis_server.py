"""A Redis of the tests' own, where its program is installed."""

from __future__ import annotations

import shutil
import signal
import socket
from functools import cache

from bgtasks_adapters.contract.running import free_port
from tests.database_server import OwnServer, UnavailableError


@cache
def start() -> int:
    """Start a server on a free port of 127.0.0.1, once a process; return the port.

    It keeps nothing on disk, and ends with this process.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise UnavailableError("Redis is not installed: there is no redis-server")
    server = OwnServer("redis", user="redis")
    port = free_port()
    server.start(
        [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
        is_ready=lambda: _answers(port),
        stop=signal.SIGTERM,
    )
    return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(5) == b"+PONG"
    except OSError:
        return False
