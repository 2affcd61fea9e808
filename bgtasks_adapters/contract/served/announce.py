"""The server's side of the gate: announce, and wait for the answer, from `def` and `async def`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bgtasks_adapters import TaskEvent

LINE: ContextVar[str] = ContextVar("LINE", default="")
"""Set by a view before each task that it adds; every announcement tells what it reads there."""

_HOST = "127.0.0.1"
_PATIENCE = 60.0


class GateClosedError(Exception):
    """Raised where the gate was closed instead of letting the one who waits go on."""


def announce(visit: str, name: str, event: str, *, hold: bool = False, **info: object) -> None:
    """Tell the gate, from a thread that may block; with `hold`, wait there to be let go on."""
    message = _encode(visit, name, event, hold, info)
    with socket.create_connection((_HOST, _port()), timeout=_PATIENCE) as connection:
        connection.sendall(message)
        answer = connection.recv(16)
    if not answer:
        raise GateClosedError(visit)


async def announce_async(
    visit: str, name: str, event: str, *, hold: bool = False, **info: object
) -> None:
    """Tell the gate from an event loop; with `hold`, wait there to be let go on."""
    message = _encode(visit, name, event, hold, info)
    exchange = _exchange_on_asyncio if _is_on_asyncio() else _exchange_on_trio
    if not await exchange(message):
        raise GateClosedError(visit)


def announce_end_of_main_thread() -> None:
    """Announce, on a thread that the exit does not wait for, that the main thread has ended.

    On eventlet no thread can wait for that; see ``starting/eventlet_wsgi``.
    """
    if is_patched_by_eventlet():
        return

    def watch() -> None:
        threading.main_thread().join()
        announce(os.environ["CONTRACT_SERVER"], "main thread", "ended")

    threading.Thread(target=watch, name="watch-main-thread", daemon=True).start()


def is_patched_by_eventlet() -> bool:
    """Tell whether eventlet's greenlets have taken the place of threads."""
    patcher = sys.modules.get("eventlet.patcher")
    return patcher is not None and bool(patcher.is_monkey_patched("thread"))


def observe(event: TaskEvent) -> None:
    """Tell the gate what became of a task; the first arguments of each are its names there."""
    visit, name = event.task.args
    error = None if event.error is None else repr(event.error)
    announce(visit, name, "observed", kind=event.kind, reason=event.reason, error=error)


def _port() -> int:
    return int(os.environ["CONTRACT_GATE"])


def _encode(visit: str, name: str, event: str, hold: bool, info: dict[str, object]) -> bytes:
    where = {"process": os.getpid(), "thread": threading.current_thread().name}
    info = {"line": LINE.get(), **where, **info}
    message = {"visit": visit, "name": name, "event": event, "hold": hold, "info": info}
    return json.dumps(message).encode() + b"\n"


def _is_on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _exchange_on_asyncio(message: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(_HOST, _port())
    try:
        writer.write(message)
        await writer.drain()
        return await reader.read(16)
    finally:
        writer.close()


async def _exchange_on_trio(message: bytes) -> bytes:
    import anyio  # a server for WSGI has no need of it

    async with await anyio.connect_tcp(_HOST, _port()) as stream:
        await stream.send(message)
        try:
            return await stream.receive(16)
        except anyio.EndOfStream:
            return b""
