"""Sites under real servers: gunicorn's gthread for WSGI, uvicorn for ASGI.

Only processes: started on a free port of 127.0.0.1, waited for until they answer, and ended by
their pid whatever happens between.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any, Literal

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 30.0
"""How long a server may take until it answers, in seconds; many start at once."""
FAREWELL = 5.0
"""How long it may take to leave, in seconds, before it is killed."""

Kind = Literal["gunicorn", "uvicorn"]

THREADS = 8
"""Of a gunicorn worker: for requests. Those for tasks are the site's."""


class ServingError(RuntimeError):
    """Raised where a server does not do what is measured; the message is for a remark."""


@dataclass
class Server:
    """One site under one server."""

    site: str
    port: int
    process: subprocess.Popen[bytes]
    log: IO[bytes] = field(repr=False)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> bytes:
        """Return the body of the answer, which must be a 200."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=FAREWELL)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            raise ServingError(f"GET {path}: {error!r}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise ServingError(f"GET {path}: {response.status}")
        return body

    def get_json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def wait(self) -> None:
        """Return once the site answers; raise ``ServingError`` if it ended, or never does."""
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            try:
                self.get("/none")
            except ServingError as error:
                if not isinstance(error.__cause__, OSError):
                    raise
                time.sleep(0.05)
            else:
                return
        raise ServingError(f"does not start: {self.last_words()}")

    def last_words(self) -> str:
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        # The servers log some lines of their own behind the traceback of an application.
        errors = [line for line in lines if line.partition(":")[0].endswith("Error")]
        return ([*errors, *lines[-1:]] or ["it says nothing"])[0]


def start(
    site: str, kind: Kind, *, workers: int = 1, environment: Mapping[str, str] | None = None
) -> Server:
    """Start a server for ``application`` of the module ``site``; do not wait for it.

    ``environment`` is put on top of this process's.
    """
    port = _free_port()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server runs
    process = subprocess.Popen(
        [sys.executable, "-m", kind, *_OPTIONS[kind](port, workers), f"{site}:application"],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # an interrupt at the terminal is ours to pass on
    )
    return Server(site, port, process, log)


@contextmanager
def serving(sites: Mapping[str, Callable[[], Server]]) -> Iterator[Served]:
    """Start all of these servers, wait for them, and end them behind the block."""
    servers: dict[str, Server] = {}
    failures: dict[str, str] = {}
    try:
        for name, begin in sites.items():
            servers[name] = begin()
        for name, server in servers.items():
            try:
                server.wait()
            except ServingError as error:
                failures[name] = str(error)
        running = {name: each for name, each in servers.items() if name not in failures}
        yield Served(running, failures)
    finally:
        end(list(servers.values()))


@dataclass(frozen=True)
class Served:
    """What came of starting servers."""

    running: Mapping[str, Server]
    failures: Mapping[str, str]
    """Why the others do not run, in a few words."""


def end(servers: Sequence[Server]) -> None:
    """Ask every server to leave, then wait for each; kill what does not leave, and its workers."""
    for server in servers:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
    until = time.monotonic() + FAREWELL
    for server in servers:
        try:
            server.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)  # it leads a session of its own
            server.process.wait()
        server.log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _gunicorn(port: int, workers: int) -> list[str]:
    return [
        *("--bind", f"127.0.0.1:{port}", "--workers", str(workers)),
        *("--worker-class", "gthread", "--threads", str(THREADS)),
        *("--keep-alive", "75", "--graceful-timeout", "2", "--log-level", "warning"),
    ]


def _uvicorn(port: int, workers: int) -> list[str]:
    return [
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log"),
        *("--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "2"),
        *("--log-level", "warning"),
    ]


_OPTIONS: dict[Kind, Callable[[int, int], list[str]]] = {"gunicorn": _gunicorn, "uvicorn": _uvicorn}
