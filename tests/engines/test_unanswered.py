"""A broker that refuses or never answers: responses are sent, tasks reported, the exit is free."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.engines.conftest import PATIENCE, ROOT, SERVICES
from tests.engines.services import REDIS_VARIABLE


@pytest.mark.parametrize("kind", ["silent", "refusing"])
def test_nobody_waits_for_a_broker(engine: Any, kind: str) -> None:
    """The process ends, without a signal, once the task was given up."""
    name = engine.__name__.rpartition(".")[2].removesuffix("_site")
    if name not in SERVICES or SERVICES[name][0] != REDIS_VARIABLE:
        pytest.skip("its site has no broker on a socket of its own")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.engines.unanswered", name, kind],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,  # it would be killed then; what it waits for takes half a second
        check=False,
    )
    first, *rest = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stderr
    assert first == "responded"
    assert len(rest) == 1, ended
    assert rest[0].startswith("failed: "), ended
    if kind == "silent":
        assert rest == ["failed: HandoffError"]
