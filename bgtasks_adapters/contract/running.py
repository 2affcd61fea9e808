"""A server that runs, in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bgtasks_adapters.contract.gate import PATIENCE
from bgtasks_adapters.contract.servers import Server
from bgtasks_adapters.doctor.client import Address, Connection


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class RunningServer:
    """A server in a process of its own, on a free port of 127.0.0.1."""

    def __init__(
        self, server: Server, application: str, environment: Mapping[str, str], log: Path
    ) -> None:
        self.port = free_port()
        self._log = log
        with log.open("wb") as output:
            # A group of its own, so that the processes that a server starts are found, too.
            self._process = subprocess.Popen(
                [sys.executable, *server.arguments(application, self.port)],
                env={**os.environ, **environment, "PYTHONFAULTHANDLER": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_it_serves(server)

    @property
    def output(self) -> str:
        """What the server has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    def connect(self) -> Connection:
        """Open a connection to the server."""
        return Connection(self.address)

    def send_sigterm(self) -> None:
        """Ask the server to stop, as a supervisor does: its first process gets the signal."""
        self._process.send_signal(signal.SIGTERM)

    def wait_for_exit(self) -> int:
        """Wait until the server has ended by itself and return its exit status."""
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            # With the fault handler on, each process prints where its threads stand.
            os.killpg(self._process.pid, signal.SIGABRT)
            self._process.wait(PATIENCE)
            raise AssertionError(
                f"still running {PATIENCE} s after it was told to stop:\n{self.output}"
            ) from None
        finally:
            self.kill()

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        self.send_sigterm()
        self.wait_for_exit()

    def kill(self) -> None:
        """End at once what is left of the server's processes."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._process.wait(PATIENCE)

    def _wait_until_it_serves(self, server: Server) -> None:
        """Look again and again, with pauses in which the end of the process is awaited."""
        for _ in range(int(PATIENCE / 0.02)):
            is_complete = self.output.count(server.line_of_a_process) >= server.processes
            if is_complete and self._is_listening():
                return
            try:
                status = self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"the server ended with status {status}:\n{self.output}")
        self.kill()
        raise AssertionError(f"the server does not serve after {PATIENCE} s:\n{self.output}")

    def _is_listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return False
        return True
