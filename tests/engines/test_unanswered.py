"""A broker that refuses, is slow, or never answers: responses are sent, and the exit is free."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.engines.conftest import ENGINE, PATIENCE, ROOT, SITES, Listener, Site, Worker

KINDS = {
    "celery": ["silent", "refusing", "slow"],
    "celery_rabbitmq": ["silent", "refusing", "slow"],
    "dramatiq": ["silent", "refusing", "slow"],
    "dramatiq_rabbitmq": ["silent", "refusing", "slow"],
    "huey_redis": ["silent", "refusing", "slow"],
    "procrastinate": ["silent", "slow"],  # it cannot be opened where nobody listens
    "rq": ["silent", "refusing", "slow"],
    "taskiq": ["silent", "refusing", "slow"],
}


def test_nobody_waits_for_a_broker(site: Site, worker: Worker, listener: Listener) -> None:
    """The process ends, without a signal, once the task was given up, or taken after all."""
    if site.server is None:
        pytest.skip("it has no broker on a socket")
    service = SITES[ENGINE][site.name]
    _check({kind: [site.name, service, kind, "handoff"] for kind in KINDS[site.name]})
    assert listener.hear()["args"] == []  # the one that a slow broker took


@pytest.mark.skipif(ENGINE != "celery", reason="only Celery asks there when it sends")
def test_nobody_waits_for_a_result_backend(sites: Callable[[str, str], Site]) -> None:
    """Not for Celery's either, which subscribes to it before it sends a task of its own."""
    sites("celery", "redis")
    _check(
        {
            f"{kind} {task}": ["celery_results", "redis", kind, task]
            for kind in ("silent", "refusing")
            for task in ("native", "handoff")
        }
    )


def _check(cases: dict[str, list[str]]) -> None:
    """Have a task sent in each case, side by side: most of the time they wait."""
    processes = {case: _begin(arguments) for case, arguments in cases.items()}
    for case, process in processes.items():
        try:
            printed, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{case}: {process.communicate()}") from None
        first, *rest = printed.splitlines()
        assert process.returncode == 0, (case, errors)
        assert first == "responded", case
        assert len(rest) == 1, (case, printed)
        if case.startswith("slow"):
            assert rest == ["handed_off: NoneType"], errors
        elif case.startswith("silent"):
            assert rest == ["failed: HandoffError"], errors
        else:
            assert rest[0].startswith("failed: "), errors


def _begin(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engines.unanswered", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
