"""A MariaDB of the tests' own, where none is running and its programs are installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from functools import cache

from tests.database_server import OwnServer, UnavailableError


@cache
def start() -> int:
    """Start a server on a free port of 127.0.0.1, once a process; return the port.

    Anybody may do everything there. It keeps its data in a temporary folder, and ends with this
    process.
    """
    server_program, install = _program("mariadbd"), _program("mariadb-install-db")
    server = OwnServer("mariadb", user="mysql")
    data = server.folder / "data"
    own = ["--no-defaults", f"--datadir={data}"]
    server.prepare([install, *own, "--auth-root-authentication-method=normal", "--skip-test-db"])
    port = server.port
    server.start(
        [
            server_program,
            *own,
            "--bind-address=127.0.0.1",
            f"--port={port}",
            f"--socket={server.folder / 'socket'}",
            f"--pid-file={server.folder / 'pid'}",
            "--skip-grant-tables",
            "--innodb-flush-log-at-trx-commit=0",
        ],
        is_ready=lambda: _greets(port),
        stop=signal.SIGTERM,
    )
    return port


def _program(name: str) -> str:
    # Debian keeps the server where only root looks for programs.
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise UnavailableError(f"MariaDB is not installed: there is no {name}")
    return found


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            return client.recv(1) != b""
    except OSError:
        return False
