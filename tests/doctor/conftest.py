"""The doctor as its user runs it: a process, its exit status, and what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bgtasks_adapters.doctor.client import Address
from bgtasks_adapters.doctor.command import Command
from bgtasks_adapters.doctor.target import Target

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


@dataclass(frozen=True)
class Visit:
    """What the doctor did."""

    status: int
    output: str
    errors: str


@pytest.fixture
def doctor() -> Callable[..., Visit]:
    """Run the doctor with these arguments."""

    def run(*arguments: str, **environment: str) -> Visit:
        done = subprocess.run(
            [sys.executable, "-m", "bgtasks_adapters", "doctor", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Visit(done.returncode, done.stdout, done.stderr)

    return run


StartServer = Callable[..., tuple[Command, int]]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start a command with an environment; return it and the port that it listens on."""
    started: list[Command] = []

    def start(arguments: list[str], **environment: str) -> tuple[Command, int]:
        given = {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), **environment}
        command = Command(arguments, given)
        started.append(command)
        return command, command.wait_for_ports(30.0)[0]

    yield start
    for command in started:
        command.close()


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def gunicorn(application: str, *options: str) -> list[str]:
    quiet = ("--bind=127.0.0.1:0", "--no-control-socket")
    return python("-m", "gunicorn", *quiet, "--threads=4", *options, application)


def uvicorn(application: str, *options: str) -> list[str]:
    return python("-m", "uvicorn", "--port=0", *options, application)


def target_at(port: int, token: str) -> Target:
    return Target(Address("127.0.0.1", port), token)


APPLICATIONS = "tests.servers.programs.applications"
DJANGO: dict[str, Any] = {"DJANGO_SETTINGS_MODULE": "tests.doctor.django_site"}
