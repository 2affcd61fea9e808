"""Which processes live: each holds a lock on a file of its own, which the kernel ends with it.

Nothing has to be renewed, so no task is too long, and no clock is asked. The locks are ``flock``'s.
A forked child would share its parent's and hold it beyond the parent's death: it closes its copy
of the descriptor at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from uuid import uuid4

from bgtasks_adapters.stores import Leases

if sys.platform != "win32":
    import fcntl

    def _lock(descriptor: int, *, is_waiting: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if is_waiting else fcntl.LOCK_NB))

else:

    def _lock(descriptor: int, *, is_waiting: bool) -> None:
        raise OSError("a journal needs flock(), which Windows does not have")


_ENDING = ".lock"


class FileLeases(Leases):
    """Locks on files of one folder, which is to be on this machine, and nobody else's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        self._name = ""

    def take(self) -> str:
        if self._descriptor is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._name = uuid4().hex
            # Under another name until it is locked, so that nobody finds it without the lock.
            new = self._folder / f".{self._name}"
            descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            _lock(descriptor, is_waiting=True)
            new.rename(self._path(self._name))
            self._descriptor = descriptor
        return self._name

    def is_dead(self, owner: str) -> bool:
        if owner == self._name:
            return False
        try:
            descriptor = os.open(self._path(owner), os.O_RDWR)
        except FileNotFoundError:
            return True  # it goes after its owner only
        try:
            _lock(descriptor, is_waiting=False)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def tidy(self) -> None:
        for path in self._folder.glob(f"*{_ENDING}"):
            if self.is_dead(path.stem):
                path.unlink(missing_ok=True)

    def end(self) -> None:
        if self._descriptor is not None:
            self._path(self._name).unlink(missing_ok=True)
            self.forget()

    def forget(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)  # the lock goes with the last copy of it
        self._descriptor, self._name = None, ""

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}{_ENDING}"
