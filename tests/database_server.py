"""A database or broker of the tests' own: its folder, its process, and its end with this one."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bgtasks_adapters.contract.running import free_port

PATIENCE = 30.0


class UnavailableError(Exception):
    """Raised where no server can be started, with the reason."""


class OwnServer:
    """One server in a temporary folder, run by ``user`` where this process is root's.

    Neither PostgreSQL nor MariaDB likes to run as root.
    """

    port: int
    """Of 127.0.0.1; the same one after a restart."""

    def __init__(self, name: str, user: str) -> None:
        self._name = name
        self._user = user if os.geteuid() == 0 else None
        self.port = free_port()
        self._runs: list[subprocess.Popen[bytes]] = []
        self.folder = Path(tempfile.mkdtemp(prefix=f"bgtasks-{name}-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        if self._user is not None:
            shutil.chown(self.folder, self._user)

    def prepare(self, command: Sequence[str | Path]) -> None:
        """Run a command to its end: the one that makes the server's files."""
        made = subprocess.run(
            command,
            user=self._user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if made.returncode:
            raise UnavailableError(f"{Path(command[0]).name} failed: {made.stderr.strip()}")

    def start(
        self,
        command: Sequence[str | Path],
        is_ready: Callable[[], bool],
        stop: signal.Signals,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the server, wait until it is ready, and stop it by that signal at our exit."""
        self._start = partial(self._run, command, is_ready, environment)
        self._stop_signal = stop
        atexit.register(self.stop)
        self._start()

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""
        while self._runs:
            server = self._runs.pop()
            server.send_signal(self._stop_signal)
            server.wait(PATIENCE)

    def restart(self) -> None:
        """End the server, and start it again as it was started, on its files and its port."""
        self.stop()
        self._start()

    @contextmanager
    def halted(self) -> Generator[None]:
        """Have the server keep its connections and answer nothing, for the block."""
        for server in self._runs:
            server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for server in self._runs:
                server.send_signal(signal.SIGCONT)

    def _run(
        self,
        command: Sequence[str | Path],
        is_ready: Callable[[], bool],
        environment: Mapping[str, str] | None,
    ) -> None:
        log = self.folder / "log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                command,
                user=self._user,
                cwd=self.folder,
                env=None if environment is None else {**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._runs.append(server)
        while not is_ready():
            try:
                server.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            raise UnavailableError(f"{self._name} ended: {log.read_text(errors='replace')}")
