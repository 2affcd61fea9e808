"""The task of all sites: it notes down when it begins and when it ends."""

from __future__ import annotations

import os
import random


def note(event: str, number: int) -> None:
    """Append one line, in one step of the kernel's, so that no kill leaves half of it."""
    line = f"{event} {number} {os.getpid()}\n".encode()
    descriptor = os.open(os.environ["CRASH_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def deliver(number: int) -> None:
    note("begin", number)
    sum(n * n for n in range(random.randrange(30_000)))
    note("end", number)


async def adeliver(number: int) -> None:
    deliver(number)


def number_of(path: str) -> int:
    """Return the number of an order, from the path of its request; 0 for none."""
    return int(path.strip("/") or 0)


def journal() -> str | None:
    """Return the path of the journal; None if the site is to lose tasks."""
    return os.environ.get("CRASH_JOURNAL") or None
