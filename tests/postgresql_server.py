"""A PostgreSQL of the tests' own, where none is running and its programs are installed."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.ports import free_port

PATIENCE = 30.0


class UnavailableError(Exception):
    """Raised where no PostgreSQL can be started, with the reason."""


@cache
def start() -> int:
    """Start a server on a free port of 127.0.0.1, once a process; return the port.

    It belongs to the user "postgres" who may do everything without a password, keeps its data in
    a temporary folder, and ends with this process.
    """
    programs = _programs()
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="bgtasks-postgresql-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    options = ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8"]
    made = subprocess.run(
        [programs / "initdb", f"--pgdata={data}", *options],
        user=user,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if made.returncode:
        raise UnavailableError(f"initdb failed: {made.stderr.strip()}")
    port = free_port()
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                programs / "postgres",
                *("-D", data, "-p", str(port)),
                *(f"--{name}={value}" for name, value in settings.items()),
            ],
            user=user,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    atexit.register(_stop, server)
    ready = [str(programs / "pg_isready"), "--host=127.0.0.1", f"--port={port}", "--quiet"]
    while subprocess.run(ready, check=False).returncode:
        try:
            server.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise UnavailableError(f"postgres ended: {(folder / 'log').read_text()}")
    return port


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


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # "fast": without waiting for clients to go
    server.wait(PATIENCE)
