"""A database server of the tests' own: its folder, its process, and its end with this process."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE = 30.0


class UnavailableError(Exception):
    """Raised where no server can be started, with the reason."""


class OwnServer:
    """One server in a temporary folder, run by ``user`` where this process is root's.

    Neither PostgreSQL nor MariaDB likes to run as root.
    """

    def __init__(self, name: str, user: str) -> None:
        self._name = name
        self._user = user if os.geteuid() == 0 else None
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
        self, command: Sequence[str | Path], is_ready: Callable[[], bool], stop: signal.Signals
    ) -> None:
        """Start the server, wait until it is ready, and stop it by that signal at our exit."""
        log = self.folder / "log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                command,
                user=self._user,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        atexit.register(_stop, server, stop)
        while not is_ready():
            try:
                server.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            raise UnavailableError(f"{self._name} ended: {log.read_text(errors='replace')}")


def _stop(server: subprocess.Popen[bytes], by: signal.Signals) -> None:
    server.send_signal(by)
    server.wait(PATIENCE)
