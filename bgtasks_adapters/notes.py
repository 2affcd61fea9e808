"""What probing tasks note down, in a folder that all processes of a server share.

A probe may be answered by one worker process and asked about at another, so what happened is kept
in files: one for each visit, a line of JSON for each event, and an empty one beside it once the
visit's tasks may go on. The server writes here; the doctor reads, directly or through the server.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bgtasks_adapters.exceptions import BackgroundTasksError

FOLDER_VARIABLE = "BGTASKS_DOCTOR_FOLDER"

_VISIT = re.compile(r"[a-z0-9-]{1,64}")


class ProbeError(BackgroundTasksError):
    """Raised for a probe that cannot be answered."""


class Note(NamedTuple):
    """One event of a task of a visit. ``time``: Unix seconds; ``pid``: the process where it was."""

    time: float
    name: str
    event: str
    pid: int


class Notes:
    """The notes of all visits, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_token(cls, token: str) -> Notes:
        """Return the notes of a server with this token, whichever of its processes asks."""
        given = os.environ.get(FOLDER_VARIABLE)
        if given:
            return cls(Path(given))
        digest = hashlib.sha256(token.encode()).hexdigest()[:16]
        return cls(_private(Path(tempfile.gettempdir(), f"bgtasks-doctor-{digest}")))

    @property
    def receipts(self) -> Path:
        """The file to which each process of the server appends its receipt."""
        return self.folder / "receipts"

    def write(self, visit: str, name: str, event: str) -> None:
        line = json.dumps([time.time(), name, event, os.getpid()]) + "\n"
        # One write of an appended line, so that those of several processes do not mix.
        with self._path(visit).open("a", encoding="utf-8") as file:
            file.write(line)

    def read(self, visit: str) -> list[Note]:
        path = self._path(visit)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [Note(*json.loads(line)) for line in lines]

    def release(self, visit: str) -> None:
        self._path(visit, ".go").touch()

    def is_released(self, visit: str) -> bool:
        return self._path(visit, ".go").exists()

    def check(self, visit: str) -> None:
        """Refuse a name that could be anything but that of a file in the folder."""
        if not _VISIT.fullmatch(visit):
            raise ProbeError(f"visit={visit!r} is not valid: use 1 to 64 of a-z, 0-9 and -.")

    def _path(self, visit: str, ending: str = "") -> Path:
        self.check(visit)
        return self.folder / f"{visit}{ending}"


def _private(folder: Path) -> Path:
    """Make a folder that nobody else can write to; refuse one that somebody else has made."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_ours or found.st_mode & 0o077:
        raise ProbeError(
            f"{folder} belongs to another user, so the doctor cannot keep its notes there. Set "
            f"{FOLDER_VARIABLE} to a folder of your own."
        )
    return folder
