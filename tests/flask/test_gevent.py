"""Flask with Flask-SQLAlchemy under gevent: real servers, tasks that wait while others begin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bgtasks_adapters.contract.gate import Gate, Visit
from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.contract.servers import SERVERS

ROOT = Path(__file__).parents[2]
NAMES = ("fails", "async", "def")


class Site(RunningServer):
    """The site ``gevent_site`` on a server of the contract's table."""

    def __init__(self, server: str, gate: Gate, folder: Path) -> None:
        self._receipt = folder / "receipt"
        environment = {
            "PYTHONPATH": str(ROOT),
            "CONTRACT_SERVER": "site",
            "CONTRACT_GATE": str(gate.port),
            "MEMBERS_URL": f"sqlite:///{folder / 'members.sqlite3'}",
            "MEMBERS_RECEIPT": str(self._receipt),
        }
        super().__init__(
            SERVERS[server], "tests.flask.gevent_site:app", environment, folder / "output"
        )

    def ask(self, target: str) -> str:
        with self.connect() as connection:
            return connection.ask(target).body.decode()

    @property
    def receipt(self) -> dict[str, object]:
        receipt: dict[str, object] = json.loads(self._receipt.read_text())
        return receipt


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture(params=["gunicorn-gevent", "gevent"])
def site(request: pytest.FixtureRequest, gate: Gate, tmp_path: Path) -> Iterator[Site]:
    missing = SERVERS[request.param].missing
    if missing:
        pytest.skip(f"{missing} is not installed")
    site = Site(request.param, gate, tmp_path)
    yield site
    site.kill()


def test_sessions_of_tasks_at_once(site: Site, gate: Gate) -> None:
    """Tasks of several requests wait side by side, each with a session and connection of its own.

    Behind them no connection is left checked out, and what they did not commit is gone.
    """
    visits = [Visit(gate, f"visit-{number}") for number in range(3)]
    with ExitStack() as stack:
        for visit in visits:
            stack.callback(visit.open)
            assert site.ask(f"/view/{visit.token}") == "complete"
        for name in NAMES:
            arrivals = [visit.wait_for(name, "started") for visit in visits]
            assert [arrival.info["is_clean"] for arrival in arrivals] == [True] * 3
            assert arrivals[-1].info["count"] == 3
            assert site.ask("/pool") == "3"
            for arrival in arrivals:
                arrival.release()
    site.stop()
    assert (site.receipt["failed"], site.receipt["succeeded"]) == (3, 6)


def test_tasks_of_a_stream(site: Site, gate: Gate) -> None:
    """Tasks that a stream adds have sessions as well; behind each its connection is given back."""
    visit = Visit(gate, "visit")
    with ExitStack() as stack:
        stack.callback(visit.open)
        assert site.ask("/stream/visit") == "12"
        for name in ("1", "2"):
            arrival = visit.wait_for(name, "started")
            assert (arrival.info["is_clean"], arrival.info["count"]) == (True, 0)
            assert site.ask("/pool") == "1"
            arrival.release()
    site.stop()
    assert site.receipt["succeeded"] == site.receipt["added"] == 2
