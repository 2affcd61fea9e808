"""What becomes of tasks when a process of their server ends, or is to end a request."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bgtasks_adapters.doctor.columns import Finding
from bgtasks_adapters.doctor.command import Command
from bgtasks_adapters.doctor.ending import end_by_sigterm, fate_at_end, start_tasks
from bgtasks_adapters.doctor.examination import started
from bgtasks_adapters.doctor.target import DoctorError, Target
from bgtasks_adapters.notes import Notes
from bgtasks_adapters.probes import Probe

from .ports import free_port
from .table import Row

RELOAD = "reload"
RECYCLING = "max requests"
TIMEOUT = "server's timeout"
PAST_TIMEOUT = "past shutdown_timeout"

_SHORT_TIMEOUT = 2.0
_REQUESTS = 12
"""More than any row lets a process serve."""

_BEYOND_TIMEOUT_SECONDS = 4.0
_PATIENCE = 20.0


@contextmanager
def running(
    row: Row, *options: str, shutdown_timeout: float = 20.0
) -> Iterator[tuple[Command, Target, Notes]]:
    """Start the server of a row, with the applications below ``programs``."""
    root = Path(__file__).parents[2]
    environment = {
        **row.environment,
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
        "SERVERS_SHUTDOWN_TIMEOUT": str(shutdown_timeout),
    }
    with started(row.arguments(free_port(), *options), environment) as server:
        yield server


def sigterm(row: Row) -> list[Finding]:
    """SIGTERM with a running and ten waiting tasks, which end a second later."""
    with running(row) as (command, target, notes):
        return end_by_sigterm(command, target, notes, 20.0, is_released=True)


def past_timeout(row: Row) -> list[Finding]:
    """SIGTERM with a running task that does not end."""
    with running(row, shutdown_timeout=_SHORT_TIMEOUT) as (command, target, notes):
        findings = end_by_sigterm(command, target, notes, _SHORT_TIMEOUT, is_released=False)
    return [Finding(PAST_TIMEOUT, each.kind, each.word, each.detail) for each in findings]


def reload(row: Row) -> list[Finding]:
    """The server is told to load the application anew while tasks run."""
    with running(row) as (command, target, notes):
        visits = start_tasks(target)
        if row.reload == "HUP":
            command.send(signal.SIGHUP)
        else:
            os.utime(Path(__file__).parent / "programs" / "applications.py")
        return _fates(RELOAD, target, notes, dict(visits), is_released=True)


def recycling(row: Row) -> list[Finding]:
    """A process that has served enough requests ends, and another takes its place."""
    with running(row, *row.recycling) as (_, target, notes):
        visits = start_tasks(target)
        for _ in range(_REQUESTS):
            try:
                with target.connect() as connection:
                    target.ask(connection, Probe("length"))
            except (OSError, DoctorError):
                break  # the server itself has ended: uvicorn with one worker does
        return _fates(RECYCLING, target, notes, dict(visits), is_released=True)


def timeout(row: Row) -> list[Finding]:
    """Tasks take longer than the server allows a request."""
    with running(row, *row.timeout) as (_, target, notes):
        visits = start_tasks(target, hold=_BEYOND_TIMEOUT_SECONDS)
        return _fates(TIMEOUT, target, notes, dict(visits), is_released=False)


def _fates(
    column: str, target: Target, notes: Notes, visits: dict[str, str], *, is_released: bool
) -> list[Finding]:
    if is_released:
        time.sleep(1.0)  # what ends tasks has the time to do so
        for visit in visits.values():
            notes.release(visit)
    deadline = time.monotonic() + _PATIENCE
    fates = {kind: fate_at_end(notes, visit) for kind, visit in visits.items()}
    while time.monotonic() < deadline and any(word == "lost" for word, _ in fates.values()):
        time.sleep(0.05)
        fates = {kind: fate_at_end(notes, visit) for kind, visit in visits.items()}
    return [Finding(column, kind, word, detail) for kind, (word, detail) in fates.items()]
