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
    _tell(args, kwargs).close()


def stay(word: str) -> None:
    """Tell, and do not return before the test says so."""
    with _tell([word], {}) as sender:
        sender.settimeout(None)
        sender.recv(1)


def _tell(args: Any, kwargs: Any) -> socket.socket:
    said = json.dumps({"args": args, "kwargs": kwargs, "pid": os.getpid()})
    sender = socket.create_connection(("127.0.0.1", int(os.environ[VARIABLE])), timeout=10)
    sender.sendall(said.encode())
    sender.shutdown(socket.SHUT_WR)
    return sender


async def anote(*args: Any, **kwargs: Any) -> None:
    """Do the same, awaited."""
    note(*args, **kwargs)


def note_twice(word: str) -> None:
    """Tell at once, and again in a task of its own."""
    from bgtasks_adapters import add_task

    add_task(note, f"{word}, afterwards")
    note(word)
