"""The benchmarks see a contender that loses, reorders or starts its tasks too early."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import faults, losses
from benchmarks.driving_asgi import Lifespan
from benchmarks.faults import asgi_faults, wsgi_faults
from benchmarks.losses import Losses
from benchmarks.sites.catalogue import SITES
from benchmarks.sites.tasks import MANY
from benchmarks.sites.wsgi_pages import Pages

HELD = "runs tasks inside `close()`, where most servers hold the client"
EARLY = "starts tasks before the response is complete"
DISORDERED = "does not keep the order of a response's tasks"


def test_none_of_ours() -> None:
    """Our own boundaries have no faults."""
    assert wsgi_faults(SITES["wsgi_ours"].application, Losses()) == ""
    assert asyncio.run(faults_with_lifespan(SITES["asgi_ours"].application)) == ""


def test_early() -> None:
    """A bare callable does the work before its response is complete, and in order."""
    assert asyncio.run(faults_with_lifespan(SITES["asgi_bare"].application)) == EARLY
    assert wsgi_faults(SITES["wsgi_bare"].application, Losses()) == f"{EARLY}; {HELD}"


def test_side_by_side() -> None:
    """Tasks that are each started on a thread keep no order."""
    assert wsgi_faults(SITES["flask_thread"].application, Losses()) == DISORDERED


def test_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never runs is counted, in the measures and here."""
    monkeypatch.setattr(losses, "PATIENCE", 0.0)
    timed = Losses()
    timed.note(2, 100)
    said = wsgi_faults(Pages(lambda function, *args: None), timed)
    asked = 100 + faults.ONE_BY_ONE * MANY
    together = faults.TOGETHER * MANY
    assert said == (
        f"loses {asked - 98} of {asked} tasks with requests one by one; "
        f"loses {together} of {together} tasks with {faults.AT_A_TIME} requests at a time"
    )


def test_lost_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that loses tasks only while several requests are answered at once is seen, too."""
    monkeypatch.setattr(losses, "PATIENCE", 0.0)

    def queue(function: Callable[..., object], *args: object) -> None:
        if threading.current_thread() is threading.main_thread():
            function(*args)

    said = wsgi_faults(Pages(queue), Losses())
    together = faults.TOGETHER * MANY
    assert said.startswith(f"loses {together} of {together} tasks with 4 requests at a time")


async def faults_with_lifespan(application: Any) -> str:
    lifespan = Lifespan(application)
    await lifespan.start()
    found = await asgi_faults(application, Losses())
    await lifespan.end()
    return found
