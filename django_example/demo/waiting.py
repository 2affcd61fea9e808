"""Waiting with a deadline, and the error that ends the demo."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class DemoError(Exception):
    """The demo cannot go on; the message says why, `details` are lines of evidence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.details: list[str] = []


def wait_until(what: str, ask: Callable[[], T | None], seconds: float) -> T:
    """Ask again and again until the answer is not None, and return it.

    Raises DemoError if `what` has not happened after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise DemoError(f"waited {seconds:g} seconds in vain until {what}")
        time.sleep(0.02)
    return answer
