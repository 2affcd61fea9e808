"""How a server that the doctor has started ends: what becomes of the tasks it still has."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping

from bgtasks_adapters.doctor.columns import KINDS, Finding, Word
from bgtasks_adapters.doctor.command import Command
from bgtasks_adapters.doctor.target import DoctorError, Target, new_visit
from bgtasks_adapters.notes import Notes
from bgtasks_adapters.probes import LONGEST_HOLD_SECONDS, Probe

SIGTERM_COLUMN = "SIGTERM"
WAITING = 10
"""So many tasks wait behind the one that runs."""

_BEFORE_RELEASE_SECONDS = 1.0
_BEYOND_TIMEOUT_SECONDS = 15.0


def start_tasks(target: Target, hold: float = LONGEST_HOLD_SECONDS) -> Mapping[str, str]:
    """Have the server run a task of each kind, with others waiting behind it; return the visits."""
    visits = {kind: new_visit() for kind in KINDS}
    for kind, visit in visits.items():
        probe = Probe("length", visit, kind, waiting=WAITING, hold=hold)
        with target.connect() as connection:
            target.ask(connection, probe)
        if target.wait_for(visit, "running", ("started",)) is None:
            raise DoctorError(f"A task ({kind}) did not start, so its end cannot be measured.")
    return visits


def end_by_sigterm(
    command: Command, target: Target, notes: Notes, shutdown_timeout: float, *, is_released: bool
) -> list[Finding]:
    """Send SIGTERM to a server that has tasks; say what became of them when it has ended.

    The tasks that run are let go on a second later, or never if not ``is_released``.
    """
    visits = start_tasks(target)
    command.send(signal.SIGTERM)
    command.wait(_BEFORE_RELEASE_SECONDS)
    if is_released:
        for visit in visits.values():
            notes.release(visit)
    has_ended = command.wait(shutdown_timeout + _BEYOND_TIMEOUT_SECONDS) is not None
    command.kill()
    findings = [
        Finding(SIGTERM_COLUMN, kind, *fate_at_end(notes, visit)) for kind, visit in visits.items()
    ]
    if not has_ended:
        seconds = shutdown_timeout + _BEYOND_TIMEOUT_SECONDS
        findings.append(
            Finding(SIGTERM_COLUMN, "server", "held", f"it still ran {seconds:g} s after SIGTERM")
        )
    return findings


def fate_at_end(notes: Notes, visit: str) -> tuple[Word, str]:
    """Tell what became of a visit's tasks, from their own notes and from the receipts."""
    expected = {f"{visit} running", *(f"{visit} waiting {number}" for number in range(WAITING))}
    ended = {
        f"{visit} {note.name}" for note in notes.read(visit) if note.event in ("ended", "expired")
    }
    missing = expected - ended
    if not missing:
        return "finished", ""
    named = missing & _names_in_receipts(notes)
    if missing == named:
        return "named", f"{len(named)} of {len(expected)} are named in the receipt as left over"
    lost = len(missing - named)
    return "lost", f"{lost} of {len(expected)} neither ended nor are named in a receipt"


def _names_in_receipts(notes: Notes) -> set[str]:
    if not notes.receipts.exists():
        return set()
    lines = notes.receipts.read_text(encoding="utf-8").splitlines()
    return {name for line in lines for name in json.loads(line)["tasks_left_over"]}
