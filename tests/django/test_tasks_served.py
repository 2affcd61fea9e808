"""The tasks backend on real servers: the client has its response while the task waits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("django.tasks", reason="Django has tasks from 6.0 on")

from bgtasks_adapters.contract.gate import Gate, Visit
from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.contract.servers import SERVERS

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["waitress", "gunicorn-gthread", "uvicorn", "daphne"])
def server(request: pytest.FixtureRequest, gate: Gate, tmp_path: Path) -> Iterator[RunningServer]:
    server = SERVERS[request.param]
    running = RunningServer(
        server,
        f"tests.django_tasks_site.{server.interface}:application",
        {
            "DJANGO_SETTINGS_MODULE": "tests.django_tasks_site.settings",
            "PYTHONPATH": os.pathsep.join(
                filter(None, [os.environ.get("PYTHONPATH", ""), str(ROOT)])
            ),
            "CONTRACT_GATE": str(gate.port),
            "TASKS_RECEIPT": str(tmp_path / "receipt"),
        },
        tmp_path / "output",
    )
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.mark.parametrize("view", ["def", "async"])
def test_the_response_is_complete_while_the_task_runs(
    server: RunningServer, gate: Gate, tmp_path: Path, view: str
) -> None:
    """The client has all, and another request is answered, while the task is RUNNING; at SIGTERM
    the server lets it finish."""
    visit = Visit(gate, view)
    with server.connect() as client:
        result_id = client.ask(f"/{view}?visit={view}").body.decode()
    waiting = visit.wait_for("task", "started")
    with server.connect() as client:
        assert client.ask(f"/status?id={result_id}").body == b"RUNNING"
    server.send_sigterm()
    waiting.release()
    server.wait_for_exit()
    receipt = json.loads((tmp_path / "receipt").read_text())
    assert (receipt["added"], receipt["succeeded"]) == (1, 1)
    assert receipt["tasks_left_over"] == []
