"""How long an import takes, in a fresh interpreter, beside one that imports nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from statistics import median
from time import perf_counter

MODULES = (
    "bgtasks_adapters",
    "bgtasks_adapters.wsgi",
    "bgtasks_adapters.asgi",
    "starlette.background",
)


def time_imports(rounds: int) -> list[tuple[str, float]]:
    """Return each module and the seconds that it adds; the bare interpreter itself comes first."""
    statements = {"": "pass", **{module: f"import {module}" for module in MODULES}}
    times: dict[str, list[float]] = {module: [] for module in statements}
    with tempfile.TemporaryDirectory() as cache:
        # A cache of byte code that is there and complete, whatever the environment says of it.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        for number in range(rounds + 1):
            for module, statement in statements.items():
                start = perf_counter()
                subprocess.run([sys.executable, "-c", statement], env=environment, check=True)
                if number:  # the first round fills the cache
                    times[module].append(perf_counter() - start)
    bare = times[""]
    added = [
        (module, median(whole - own for whole, own in zip(times[module], bare, strict=True)))
        for module in MODULES
    ]
    return [("python -c pass", median(bare)), *added]
