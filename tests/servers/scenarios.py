"""What becomes of tasks when a process of their server ends, or is to end a request."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bgtasks_adapters.contract.running import free_port
from bgtasks_adapters.doctor.client import IncompleteResponseError
from bgtasks_adapters.doctor.columns import Finding
from bgtasks_adapters.doctor.command import Command
from bgtasks_adapters.doctor.ending import end_by_sigterm, fate_at_end, start_tasks
from bgtasks_adapters.doctor.examination import started
from bgtasks_adapters.doctor.target import Target, new_visit
from bgtasks_adapters.notes import Notes
from bgtasks_adapters.probes import Probe

from .table import Row

RELOAD = "reload"
RECYCLING = "max requests"
TIMEOUT = "server's timeout"
PAST_TIMEOUT = "past shutdown_timeout"

_SHORT_TIMEOUT = 2.0
_REQUESTS = 12
"""More than any row lets a process serve."""

_REQUEST_SECONDS = 1.0
_BEYOND_TIMEOUT_SECONDS = 4.0
_PATIENCE = 20.0
_LOOK_SECONDS = 0.05


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
        return _fates_behind_an_end(RELOAD, target, notes, visits, ask=False)


def recycling(row: Row) -> list[Finding]:
    """A process that has served enough requests ends, and another takes its place."""
    with running(row, *row.recycling) as (_, target, notes):
        visits = start_tasks(target)
        for _ in range(_REQUESTS):
            if not _is_answered(target):
                break  # nobody serves until the tasks have ended, where there is one process
        return _fates_behind_an_end(RECYCLING, target, notes, visits, ask=True)


def timeout(row: Row) -> list[Finding]:
    """Tasks take longer than the server allows a request."""
    with running(row, *row.timeout) as (_, target, notes):
        visits = start_tasks(target, hold=_BEYOND_TIMEOUT_SECONDS)
        return _fates(TIMEOUT, notes, visits)


def _is_answered(target: Target) -> bool:
    try:
        with target.connect(patience=_REQUEST_SECONDS) as connection:
            target.ask(connection, Probe("length", new_visit()))
    except (OSError, IncompleteResponseError):
        return False
    return True


def _fates_behind_an_end(
    column: str, target: Target, notes: Notes, visits: Mapping[str, str], *, ask: bool
) -> list[Finding]:
    """Let tasks go on whose process is to end; hold that it ends, and say what became of them."""
    pids = {note.pid for visit in visits.values() for note in notes.read(visit)}
    time.sleep(1.0)  # what ends tasks has the time to do so
    for visit in visits.values():
        notes.release(visit)
    findings = _fates(column, notes, visits)
    deadline = time.monotonic() + _PATIENCE
    while any(_is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"{column}: the process of the tasks did not end"
        if ask:  # more, if those so far went to another worker
            _is_answered(target)
        time.sleep(_LOOK_SECONDS)
    return findings


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and whose parent has not asked for its status is there, too.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _fates(column: str, notes: Notes, visits: Mapping[str, str]) -> list[Finding]:
    deadline = time.monotonic() + _PATIENCE
    fates = {kind: fate_at_end(notes, visit) for kind, visit in visits.items()}
    while time.monotonic() < deadline and any(word == "lost" for word, _ in fates.values()):
        time.sleep(_LOOK_SECONDS)
        fates = {kind: fate_at_end(notes, visit) for kind, visit in visits.items()}
    return [Finding(column, kind, word, detail) for kind, (word, detail) in fates.items()]
