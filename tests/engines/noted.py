"""What a task tells the test that waits for it, from whichever process runs it."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

VARIABLE = "BGTASKS_ENGINE_NOTES"
"""Names the port of the test's socket."""


def note(*args: Any, **kwargs: Any) -> None:
    """Tell what it was called with, and where."""
    said = json.dumps({"args": args, "kwargs": kwargs, "pid": os.getpid()})
    with socket.create_connection(("127.0.0.1", int(os.environ[VARIABLE])), timeout=10) as sender:
        sender.sendall(said.encode())


async def anote(*args: Any, **kwargs: Any) -> None:
    """Do the same, awaited."""
    note(*args, **kwargs)


def note_twice(word: str) -> None:
    """Tell at once, and again in a task of its own."""
    from bgtasks_adapters import add_task

    add_task(note, f"{word}, afterwards")
    note(word)
