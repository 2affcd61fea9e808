"""The task of all sites: it notes down when it begins and when it ends."""

from __future__ import annotations

import asyncio
import os
import random
import time

LONGEST_WAITING = 0.03
"""In seconds: short enough for what is left by one kill to be run before many more."""

_PROCESS = f"{os.getpid()}-{time.monotonic_ns()}"
"""Which process this is, of all in one run: the kernel gives a number out again."""


def note(event: str, number: int) -> None:
    """Append one line, in one step of the kernel's, so that no kill leaves half of it."""
    line = f"{event} {number} {_PROCESS}\n".encode()
    descriptor = os.open(os.environ["CRASH_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def deliver(number: int) -> None:
    note("begin", number)
    sum(n * n for n in range(random.randrange(10_000)))
    time.sleep(_waiting())
    note("end", number)


async def adeliver(number: int) -> None:
    note("begin", number)
    await asyncio.sleep(_waiting())
    note("end", number)


def _waiting() -> float:
    """Return how long a task waits for others, as most do: so several are at risk at each kill."""
    return random.uniform(0.0, LONGEST_WAITING)


def receipt() -> bytes:
    """Return what a client has to be told: who took its order, and for which site.

    A port of a server that was killed may be another one's by the time it is asked again.
    """
    return f"{os.getpid()} {os.environ['CRASH_NOTES']}".encode()


def number_of(path: str) -> int:
    """Return the number of an order, from the path of its request; 0 for none."""
    return int(path.strip("/") or 0)


def journal() -> str | None:
    """Return the path of the journal; None if the site is to lose tasks."""
    return os.environ.get("CRASH_JOURNAL") or None
