"""wrk, the load generator: run it and read what it printed.

It asks again as soon as it has an answer, on every connection: full load, for requests per second.
For answer times at a given rate see ``arrivals``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass


class WrkError(RuntimeError):
    """Raised where wrk is absent, fails, or was not given good answers only."""


@dataclass(frozen=True)
class Load:
    """What wrk counted in one run."""

    requests: int
    """That were answered; those under way at the end are not in it."""
    seconds: float
    rate: float
    """Answers per second."""


def find_wrk() -> str:
    """Return the path of the command, or raise ``WrkError`` which says what to install."""
    found = shutil.which("wrk")
    if found is None:
        raise WrkError(
            "wrk is not installed, and the servers are measured with it: install the package "
            '"wrk" of Debian, Ubuntu or Homebrew.'
        )
    return found


def run_wrk(url: str, *, seconds: int, connections: int) -> Load:
    """Ask for ``url`` for so many whole seconds, on so many connections from one thread."""
    command = [find_wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", url]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 10, check=False
    )
    if done.returncode != 0:
        raise WrkError(f"wrk failed: {(done.stderr or done.stdout).strip()}")
    return read_output(done.stdout)


def read_output(output: str) -> Load:
    """Read what wrk prints; raise ``WrkError`` if not every answer was a good one."""
    for trouble in ("Socket errors", "Non-2xx or 3xx responses"):
        if found := re.search(rf"{trouble}: (.+)", output):
            raise WrkError(f"{trouble.lower()}: {found[1].strip()}")
    counted = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)\b", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if counted is None or rate is None:
        raise WrkError(f"wrk printed something else: {output.strip()[:200]}")
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[counted[3]]
    return Load(int(counted[1]), float(counted[2]) * unit, float(rate[1]))
