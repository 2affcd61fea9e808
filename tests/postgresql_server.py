"""A PostgreSQL of the tests' own, where none is running and its programs are installed."""

from __future__ import annotations

import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path

from tests.database_server import OwnServer, UnavailableError


def start() -> int:
    """Start a server on a free port of 127.0.0.1, once a process; return the port."""
    return server().port


@cache
def server() -> OwnServer:
    """Start a server on a free port of 127.0.0.1, once a process.

    It belongs to the user "postgres" who may do everything without a password, keeps its data in
    a temporary folder, and ends with this process.
    """
    programs = _programs()
    started = OwnServer("postgresql", user="postgres")
    data = started.folder / "data"
    options = ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8"]
    started.prepare([programs / "initdb", f"--pgdata={data}", *options])
    port = started.port
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": started.folder,
        "fsync": "off",
    }
    ready = [str(programs / "pg_isready"), "--host=127.0.0.1", f"--port={port}", "--quiet"]
    started.start(
        [
            programs / "postgres",
            *("-D", data, "-p", str(port)),
            *(f"--{name}={value}" for name, value in settings.items()),
        ],
        is_ready=lambda: subprocess.run(ready, check=False).returncode == 0,
        stop=signal.SIGINT,  # "fast": without waiting for clients to go
    )
    return started


def _programs() -> Path:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    # Where Debian keeps them, a folder for each version.
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if not versions:
        raise UnavailableError("PostgreSQL is not installed")
    return versions[-1].parent


def _version(initdb: Path) -> int:
    return int(initdb.parents[1].name)
