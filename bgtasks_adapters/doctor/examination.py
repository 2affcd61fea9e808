"""One examination: every column in turn, and at last SIGTERM if the server is the doctor's own."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from bgtasks_adapters.doctor.client import Address
from bgtasks_adapters.doctor.columns import COLUMNS, Finding
from bgtasks_adapters.doctor.command import Command
from bgtasks_adapters.doctor.ending import SIGTERM_COLUMN, end_by_sigterm
from bgtasks_adapters.doctor.target import DoctorError, Target
from bgtasks_adapters.notes import FOLDER_VARIABLE, Notes
from bgtasks_adapters.probes import HOLD_SECONDS
from bgtasks_adapters.settings import DOCTOR_TOKEN_VARIABLE

START_SECONDS = 30.0
"""How long a command may take until it listens and answers."""

_PORT_SECONDS = 3.0
"""How long one of several ports may take to answer; it may be no one's for HTTP."""


@dataclass
class Examination:
    """What is known of a server, and what was found so far."""

    server: dict[str, Any]
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def runs_tasks(self) -> bool:
        """Whether any task was seen to run; where none does, there is nothing else to measure."""
        return any(finding.word != "lost" for finding in self.findings)

    @property
    def is_healthy(self) -> bool:
        return not any(finding.is_bad for finding in self.findings)


class Progress(Protocol):
    """Be told what is measured next: its number, of how many, and the column's name."""

    def __call__(self, number: int, total: int, name: str, /) -> None: ...


def examine(target: Target, progress: Progress) -> Examination:
    """Measure a server that runs."""
    examination = Examination(target.hello())
    _measure(target, examination, len(COLUMNS), progress)
    return examination


def examine_command(
    arguments: Sequence[str],
    progress: Progress,
    start_seconds: float = START_SECONDS,
    hold: float = HOLD_SECONDS,
) -> Examination:
    """Start a command, measure the server that it is, and end it by SIGTERM."""
    total = len(COLUMNS) + 1
    with started(arguments, start_seconds=start_seconds) as (command, server, notes):
        target = replace(server, hold=hold)
        examination = Examination(target.hello())
        _measure(target, examination, total, progress)
        if examination.runs_tasks:
            progress(total, total, SIGTERM_COLUMN)
            timeout = examination.server["shutdown_timeout"]
            found = end_by_sigterm(command, target, notes, timeout, is_released=True)
            examination.findings += found
    return examination


def _measure(target: Target, examination: Examination, total: int, progress: Progress) -> None:
    for number, column in enumerate(COLUMNS, start=1):
        progress(number, total, column.name)
        examination.findings += column.of(target)
        if not examination.runs_tasks:
            return


@contextmanager
def started(
    arguments: Sequence[str],
    environment: dict[str, str] | None = None,
    start_seconds: float = START_SECONDS,
) -> Generator[tuple[Command, Target, Notes]]:
    """Start a command with probing switched on; give it, its address and its notes."""
    token = secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory(prefix="bgtasks-doctor-") as folder:
        notes = Notes(Path(folder))
        own = {DOCTOR_TOKEN_VARIABLE: token, FOLDER_VARIABLE: folder}
        with Command(arguments, {**(environment or {}), **own}) as command:
            target = Target(Address("127.0.0.1", 0), token, folder=notes)
            yield command, _answering(command, target, start_seconds), notes


def _answering(command: Command, target: Target, start_seconds: float) -> Target:
    """Return the first of the command's ports that answers as this library's."""
    reasons: list[DoctorError] = []
    for port in command.wait_for_ports(start_seconds):
        found = replace(target, address=Address("127.0.0.1", port))
        try:
            found.hello(_PORT_SECONDS)
        except DoctorError as error:
            reasons.append(error)
        else:
            return found
    raise reasons[0]
