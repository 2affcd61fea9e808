"""Surviving a crash: tasks in a file of SQLite, from the line that adds them to their end.

``journal="tasks.sqlite3"`` in the settings is this with its defaults. Django has a journal in the
project's own database, too: the app ``bgtasks_adapters.django.journal``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.keeping import CRASHES, StoredKeeper
from bgtasks_adapters.leases import FileLeases
from bgtasks_adapters.sqlite_store import SqliteStore, Synchronous

__all__ = ["Journal"]


class Journal(StoredKeeper):
    """Keep tasks in a file, which all processes of one machine share.

    ``add_task`` writes each before it returns, and raises at once for what no other process could
    run: ``InvalidTaskError`` for a function without a name that leads back to it,
    ``UnsafeArgumentError`` for arguments that are no JSON, ``JournalError`` if it cannot write.

    A task whose process died is run again by one that lives, or by the next one, from the end of
    its first response on. So a task may run more than once. One that raised has failed, and is not
    run again. ``set_aside_after``: as many processes as have to die with a task until nobody runs
    it any more. ``synchronous``: SQLite's own; "NORMAL" survives the death of any process, "FULL"
    a power cut as well, and waits for the disk each time.

    Beside the file stand SQLite's ``-wal`` and ``-shm``, and a folder ``-owners`` of locks.
    """

    is_transactional = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        set_aside_after: int = CRASHES,
        synchronous: Synchronous = "NORMAL",
    ) -> None:
        self.path = _checked(path)
        crashes: Any = set_aside_after
        if not isinstance(crashes, int) or isinstance(crashes, bool) or crashes < 1:
            raise InvalidOptionError(
                f"Journal(set_aside_after={crashes!r}): use a number of crashes, 1 or more."
            )
        if synchronous not in ("NORMAL", "FULL"):
            raise InvalidOptionError(
                f'Journal(synchronous={synchronous!r}): use "NORMAL" or "FULL".'
            )
        super().__init__(
            SqliteStore(str(self.path), synchronous),
            FileLeases(self.path.with_name(f"{self.path.name}-owners")),
            set_aside_after,
        )

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r})"


def _checked(given: Any) -> Path:
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise InvalidOptionError(f"Journal({given!r}): use the path of a file.")
    path = Path(os.fspath(given)).absolute()  # a server may change the folder it runs in
    if not path.parent.is_dir():
        raise InvalidOptionError(
            f"Journal({os.fspath(given)!r}): there is no folder {path.parent}. Make it, and let "
            "the server's processes write to it."
        )
    if path.is_dir():
        raise InvalidOptionError(f"Journal({os.fspath(given)!r}): {path} is a folder. Name a file.")
    return path
