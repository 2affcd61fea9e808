"""Small programs that tests run as processes of their own: how a process ends is the promise.

A program prints what it sees, line by line, and writes the package's log to its standard error.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 30.0
"""How long a program may take in all, in seconds. The machine may be busy with other tests."""

FOR_EVER = 60.0
"""How long a task in a program blocks that the program is not to wait for."""


def say(*words: object) -> None:
    """Print a line, whole also when several threads print at a time."""
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


def log_everything() -> None:
    logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(message)s")


@contextmanager
def running(
    program: Callable[..., object], *arguments: str, **environment: str
) -> Generator[subprocess.Popen[str], None, None]:
    """Start a program, a function of a module in this folder; kill it if it outlives the block."""
    code = f"""
import sys
from {program.__module__} import {program.__name__} as main
main(*sys.argv[1:])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONFAULTHANDLER": "1", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


class Ended:
    """What a program printed and logged, and how it ended."""

    def __init__(self, process: subprocess.Popen[str], tell: str | None = None) -> None:
        self.out, self.log = process.communicate(tell, timeout=PATIENCE)
        self.status = process.returncode
        self.said = self.out.splitlines()

    def __repr__(self) -> str:
        return f"<ended with {self.status}\n{self.out}\n{self.log}>"


def run(program: Callable[..., object], *arguments: str, **environment: str) -> Ended:
    """Run a program to its end."""
    with running(program, *arguments, **environment) as process:
        return Ended(process)
