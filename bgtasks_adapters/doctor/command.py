"""A server that the doctor starts: its command, the port that it listens on, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from bgtasks_adapters.doctor.target import DoctorError

_LOOK_SECONDS = 0.05
_LISTENING = "0A"  # the state's number in the kernel's tables of TCP sockets


class Command:
    """A command that runs in a process group of its own, whose output is kept."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.arguments = list(arguments)
        self._log = tempfile.NamedTemporaryFile(prefix="bgtasks-doctor-", suffix=".log")  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                self.arguments,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._log.close()
            raise DoctorError(f"{self.arguments[0]} cannot be started: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End what still runs, and forget what it printed."""
        self.kill()
        self._log.close()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return Path(self._log.name).read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for_ports(self, patience: float) -> list[int]:
        """Return the TCP ports that the command listens on, once there is one."""
        deadline = time.monotonic() + patience
        while True:
            ports = sorted(set(_listening_ports(self.pid)))
            if ports:
                return ports
            status = self.wait(_LOOK_SECONDS)
            if status is not None:
                raise DoctorError(
                    f"{self._in_words} ended with status {status} and never listened. It printed:\n"
                    f"{self._last_lines()}"
                )
            if time.monotonic() > deadline:
                raise DoctorError(
                    f"{self._in_words} listens on no TCP port after {patience:g} s (a Unix socket "
                    f"cannot be probed: give it a port of 127.0.0.1). It printed:\n"
                    f"{self._last_lines()}"
                )

    def send(self, signum: int) -> None:
        """Send a signal as a supervisor does: to its first process."""
        self._process.send_signal(signum)

    def wait(self, seconds: float) -> int | None:
        """Return its exit status; None if it still runs after so many seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End at once what is left of its processes."""
        with suppress(ProcessLookupError):  # all have ended by themselves
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def _in_words(self) -> str:
        return " ".join(self.arguments)

    def _last_lines(self) -> str:
        return "\n".join(f"    {line}" for line in self.output.splitlines()[-15:])


def _listening_ports(group: int) -> Iterator[int]:
    """Read from Linux's /proc on which ports the processes of a group listen."""
    if not Path("/proc/net/tcp").exists():
        raise DoctorError(
            "Which port a command listens on can be found out on Linux only. Start the server "
            "yourself with BGTASKS_DOCTOR_TOKEN set, and use: doctor --url URL --token TOKEN"
        )
    ports = dict(_listening_sockets())
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) != group:
                continue
            links = [os.readlink(link) for link in (process / "fd").iterdir()]
        except OSError:  # it has just ended, or is another user's
            continue
        yield from (ports[link] for link in links if link in ports)


def _listening_sockets() -> Iterator[tuple[str, int]]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING:
                port = int(fields[1].rsplit(":", maxsplit=1)[1], 16)
                yield f"socket:[{fields[9]}]", port
